/**
 * A part of a listing that is walked by one cursor: creation times in [fromEpochS, toEpochS), newest first.
 * `fromEpochS` null means from the beginning.
 */
export interface Segment {
  readonly id: number;
  /** The provider's list that it is a part of. */
  readonly stream: string;
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  /** The provider's id of the last record read; null before the first page. */
  readonly after: string | null;
  /** Creation time of the last record read; null before the first page. */
  readonly oldestEpochS: number | null;
  readonly pagesRead: number;
}

export interface SegmentPage {
  readonly after: string | null;
  readonly positions: readonly { readonly createdEpochS: number }[];
}

/** The segment after a page was read, or null when it has ended. */
export function advance(segment: Segment, page: SegmentPage): Segment | null {
  if (page.after === null) return null;
  return {
    ...segment,
    after: page.after,
    oldestEpochS: page.positions.at(-1)?.createdEpochS ?? segment.oldestEpochS,
    pagesRead: segment.pagesRead + 1,
  };
}

/** The segment without its cursor: it goes on from the second of the last record read, and reads that second again. */
export function restart(segment: Segment): Segment {
  return {
    ...segment,
    after: null,
    toEpochS: segment.oldestEpochS === null ? segment.toEpochS : segment.oldestEpochS + 1,
  };
}

/** The first part that is cut off holds about this many pages: less is not worth a call of its own. */
const PAGES_OF_THE_FIRST_PART = 2;
/** They reach back 126 pages, as long as nothing tells how many there are. The one after them is cut again when its first page was not the last. */
const MAX_PARTS_AT_ONCE = 7;

export interface Split {
  /** Into how many parts at most. */
  readonly parts: number;
  /** The new parts have this id and those after it. */
  readonly firstId: number;
  /** No more than about so many are still to come in the whole listing; null when nobody knows. */
  readonly pagesLeft: number | null;
}

/**
 * Cuts what is left of a segment where further readers could start. The page that was read last tells how much time a page spans; each
 * part spans twice as much as the one before. So a few parts reach far back whatever lies there, also with an open beginning, and where
 * they meet more than they expected they are cut again. The first part keeps the cursor, the last the oldest records.
 */
export function split(segment: Segment, page: SegmentPage, { parts, firstId, pagesLeft }: Split): readonly Segment[] {
  const [newest, oldest] = [page.positions[0]?.createdEpochS, segment.oldestEpochS];
  if (newest === undefined || oldest === null) return [segment];
  const secondsPerPage = Math.max(1, newest - oldest);
  const earliest = segment.fromEpochS === null ? 1 : segment.fromEpochS + secondsPerPage * PAGES_OF_THE_FIRST_PART;
  const maxParts = Math.min(parts, MAX_PARTS_AT_ONCE);
  const left: Segment[] = [segment];
  let cut = oldest;
  for (let pages = PAGES_OF_THE_FIRST_PART; left.length < maxParts; pages *= 2) {
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
