/** An inconsistency between a page of a listing and the pages before it. */
export type PageAnomaly =
  /** Repeats records that were already read. Continuing would loop. */
  | 'page-repeats'
  /** Is not newest first, or contains a record outside the requested part. */
  | 'page-out-of-order'
  /** Is not full although more records are said to follow. */
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
  /** Creation time of the last record of the previous page. */
  readonly oldestEpochS: number | null;
}

/** Null for a consistent page. */
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
