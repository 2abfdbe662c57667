import type { ListedPage, PageAnomaly } from './part.ts';
import type { Cursor } from './pull-plan.ts';

interface Asked {
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  readonly after: Cursor | null;
  /** Creation time of the last record of the previous page. */
  readonly oldestEpochS: number | null;
}

/** Null for a consistent page of a time window's part. */
export function anomalyOf(asked: Asked, page: ListedPage): PageAnomaly | null {
  if (repeats(asked, page)) return 'page-repeats';
  if (!isInOrder(asked, page)) return 'page-out-of-order';
  return page.after !== null && page.positions.length < page.pageSize ? 'page-short' : null;
}

function repeats(asked: Asked, { after, positions }: ListedPage): boolean {
  const ids = new Set(positions.map(({ id }) => id));
  return (
    ids.size < positions.length ||
    (typeof asked.after === 'string' && ids.has(asked.after)) ||
    (after !== null && positions.length === 0)
  );
}

function isInOrder({ fromEpochS, toEpochS, oldestEpochS }: Asked, { positions }: ListedPage): boolean {
  const bounds = [toEpochS - 1, ...(oldestEpochS === null ? [] : [oldestEpochS])];
  let newest = Math.min(...bounds);
  return positions.every(({ atEpochS }) => {
    if (atEpochS === null) return false;
    const fits = atEpochS <= newest && atEpochS >= (fromEpochS ?? 0);
    newest = atEpochS;
    return fits;
  });
}
