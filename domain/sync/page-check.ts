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
export function anomalyOf(asked: Asked, page: CheckedPage): PageAnomaly | null {
  if (repeats(asked, page)) return 'page-repeats';
  if (!isInOrder(asked, page)) return 'page-out-of-order';
  return page.after !== null && page.positions.length < page.pageSize ? 'page-short' : null;
}

function repeats(asked: Asked, { after, positions }: CheckedPage): boolean {
  const ids = new Set(positions.map(({ id }) => id));
  return (
    ids.size < positions.length ||
    (asked.after !== null && ids.has(asked.after)) ||
    (after !== null && positions.length === 0)
  );
}

function isInOrder({ fromEpochS, toEpochS, oldestEpochS }: Asked, { positions }: CheckedPage): boolean {
  const bounds = [toEpochS - 1, ...(oldestEpochS === null ? [] : [oldestEpochS])];
  let newest = Math.min(...bounds);
  return positions.every(({ createdEpochS }) => {
    const fits = createdEpochS <= newest && createdEpochS >= (fromEpochS ?? 0);
    newest = createdEpochS;
    return fits;
  });
}
