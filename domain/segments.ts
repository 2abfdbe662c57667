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
  return { ...segment, after: null, toEpochS: segment.oldestEpochS === null ? segment.toEpochS : segment.oldestEpochS + 1 };
}

/** A listing's records are at least this far apart in time for a split to be worth a call: half of it must hold a page. */
const MIN_PAGES_TO_SPLIT = 2;

/**
 * Cuts what is left of a segment in two where a second reader could start, or returns null where that is not worth a call.
 * The pages read so far tell how much time a page spans; with an open beginning, the cut is placed a few pages ahead, so that
 * repeated cuts double their reach until they find the beginning. The second half keeps the older records.
 */
export function split(segment: Segment, newId: number): readonly [Segment, Segment] | null {
  const { oldestEpochS, toEpochS, fromEpochS, pagesRead } = segment;
  if (oldestEpochS === null || pagesRead === 0) return null;
  const secondsPerPage = Math.max(1, (toEpochS - oldestEpochS) / pagesRead);
  const cut =
    fromEpochS === null
      ? Math.floor(oldestEpochS - secondsPerPage * Math.max(4, pagesRead * 2))
      : Math.floor((oldestEpochS + fromEpochS) / 2);
  if (oldestEpochS - cut < secondsPerPage * MIN_PAGES_TO_SPLIT) return null;
  if (cut <= (fromEpochS ?? 0)) return null;
  return [
    { ...segment, fromEpochS: cut },
    { id: newId, stream: segment.stream, fromEpochS, toEpochS: cut, after: null, oldestEpochS: null, pagesRead: 0 },
  ];
}
