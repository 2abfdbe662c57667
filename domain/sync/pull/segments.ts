import type { NewPart, PartBase } from './part.ts';
import type { Cursor } from './pull-plan.ts';

/**
 * A part of a listing that one cursor reads: creation times in [fromEpochS, toEpochS), newest first. A null
 * `fromEpochS` means from the beginning. Belongs to the strategy `timeWindows`; parts stored when that was the only
 * strategy have no `strategy` field.
 */
export interface Segment extends PartBase {
  readonly strategy?: 'timeWindows';
  /** Creation time of the last record read; null before the first page. */
  readonly oldestEpochS: number | null;
}

export const firstSegment = (part: NewPart): Segment => ({ ...part, oldestEpochS: null });

/** The fields of a page that are used here. */
export interface SegmentPage {
  readonly after: Cursor | null;
  readonly positions: readonly { readonly atEpochS: number | null }[];
}

/** The segment after a page was read, or null at its end. */
export function advance(segment: Segment, page: SegmentPage): Segment | null {
  if (page.after === null) return null;
  return {
    ...segment,
    after: page.after,
    oldestEpochS: page.positions.at(-1)?.atEpochS ?? segment.oldestEpochS,
    pagesRead: segment.pagesRead + 1,
  };
}

/** The segment without its cursor. It resumes at the second of the last record read and reads that second again. */
export function restart(segment: Segment): Segment {
  return {
    ...segment,
    after: null,
    toEpochS: segment.oldestEpochS === null ? segment.toEpochS : segment.oldestEpochS + 1,
  };
}

/** Fewer are not worth an extra call, unless the listing is near its end. */
export const PAGES_OF_THE_FIRST_PART = 2;
/**
 * Seven parts reach back 126 pages when the total is unknown. The last part is split again if its first page is not its
 * last.
 */
const MAX_PARTS_AT_ONCE = 7;

export interface Split {
  /** Maximum number of parts. */
  readonly parts: number;
  /** Id of the first new part; the others count up from it. */
  readonly firstId: number;
  /** Approximate upper bound of the remaining pages of the whole listing; null when unknown. */
  readonly pagesLeft: number | null;
  /** How many pages the first part that is split off reaches back; `PAGES_OF_THE_FIRST_PART` when left out. */
  readonly firstPart?: number;
}

/** The time that a page spans; null for a page without times. */
export function secondsPerPage({ positions }: SegmentPage): number | null {
  const [newest, oldest] = [positions[0]?.atEpochS, positions.at(-1)?.atEpochS];
  return newest == null || oldest == null ? null : Math.max(1, newest - oldest);
}

/**
 * Splits the rest of a segment so that more readers can start. The last page shows how much time a page spans, and each
 * part spans twice as much as the one before. So a few parts reach far back at any density, even without a lower bound,
 * and parts with more records than expected are split again. The first part keeps the cursor; the last has the oldest
 * records.
 */
export function split(segment: Segment, page: SegmentPage, how: Split): readonly Segment[] {
  const { parts, firstId, pagesLeft, firstPart } = { firstPart: PAGES_OF_THE_FIRST_PART, ...how };
  const [newest, oldest] = [page.positions[0]?.atEpochS, segment.oldestEpochS];
  if (newest == null || oldest === null) return [segment];
  const secondsPerPage = Math.max(1, newest - oldest);
  const earliest = segment.fromEpochS === null ? 1 : segment.fromEpochS + secondsPerPage * firstPart;
  const maxParts = Math.min(parts, MAX_PARTS_AT_ONCE);
  const left: Segment[] = [segment];
  let cut = oldest;
  for (let pages = firstPart; left.length < maxParts; pages *= 2) {
    cut -= pages * secondsPerPage;
    if (cut < earliest || oldest - cut >= (pagesLeft ?? Infinity) * secondsPerPage) break;
    left.push(...cutOff(left.pop() ?? segment, cut, firstId + left.length));
  }
  return left;
}

const cutOff = (segment: Segment, cutEpochS: number, id: number): readonly [Segment, Segment] => [
  { ...segment, fromEpochS: cutEpochS },
  {
    id,
    stream: segment.stream,
    fromEpochS: segment.fromEpochS,
    toEpochS: cutEpochS,
    after: null,
    oldestEpochS: null,
    pagesRead: 0,
  },
];
