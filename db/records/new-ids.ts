import { randomBytes } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';

const BYTES = 16;
/** The next id of this process in that millisecond. */
const next = { msecs: 0, seq: 0 };

/**
 * Ids for new rows, in ascending order, also from call to call. Random bytes are asked for once: for each id they cost more
 * than all else.
 */
export function newIds(count: number): readonly string[] {
  const all = randomBytes(BYTES * count);
  const random = Buffer.allocUnsafe(BYTES);
  const now = Date.now();
  if (now > next.msecs) Object.assign(next, { msecs: now, seq: 0 });
  const { msecs, seq } = next;
  next.seq += count;
  const bytes = Buffer.allocUnsafe(BYTES * count);
  for (let nth = 0; nth < count; nth += 1) {
    all.copy(random, 0, BYTES * nth);
    uuidv7({ random, msecs, seq: seq + nth }, bytes, BYTES * nth);
  }
  // All at once: the library puts the text of each together from sixteen.
  const hex = bytes.toString('hex');
  return Array.from({ length: count }, (_, nth) => toText(hex.slice(2 * BYTES * nth, 2 * BYTES * (nth + 1))));
}

const toText = (hex: string): string =>
  `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
