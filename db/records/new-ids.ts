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
  const random = randomBytes(BYTES * count);
  const now = Date.now();
  if (now > next.msecs) Object.assign(next, { msecs: now, seq: 0 });
  const { msecs, seq } = next;
  next.seq += count;
  return Array.from({ length: count }, (_, nth) =>
    uuidv7({ random: random.subarray(BYTES * nth, BYTES * (nth + 1)), msecs, seq: seq + nth }),
  );
}
