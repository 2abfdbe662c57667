/** What is wrong with a page of a listing, seen from the pages before it. */
export type PageAnomaly =
  /** It brings what was read before: walking on would go in a circle. */
  | 'page-repeats'
  /** Newest first is not kept, or a record lies outside the part that was asked for. */
  | 'page-out-of-order'
  /** Fewer records than fit, and yet there are said to be more. */
  | 'page-short';

export interface CheckedPage {
  readonly after: string | null;
  readonly pageSize: number;
  readonly positions: readonly { readonly id: string; readonly createdEpochS: number }[];
}

interface Asked {
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  readonly after: string | null;
  /** Creation time of the last record of the page before. */
  readonly oldestEpochS: number | null;
}

/** Null for a page as it should be. */
export function anomalyOf(asked: Asked, { after, pageSize, positions }: CheckedPage): PageAnomaly | null {
  const ids = new Set(positions.map(({ id }) => id));
  const repeats = ids.size < positions.length || (asked.after !== null && ids.has(asked.after)) || (after !== null && positions.length === 0);
  if (repeats) return 'page-repeats';
  let newest = Math.min(asked.toEpochS - 1, asked.oldestEpochS ?? Number.POSITIVE_INFINITY);
  for (const { createdEpochS } of positions) {
    if (createdEpochS > newest || createdEpochS < (asked.fromEpochS ?? 0)) return 'page-out-of-order';
    newest = createdEpochS;
  }
  return after !== null && positions.length < pageSize ? 'page-short' : null;
}
