/** Keyset paging by an id that grows with time (UUIDv7 or a sequence): stable while rows are being written. */
export interface PageRequest {
  readonly limit: number;
  /** Id of the last row the caller has seen; null at the start. */
  readonly after: string | null;
}

export interface Page<T> {
  readonly data: readonly T[];
  /** Id to go on after; null when this was the last page. */
  readonly next: string | null;
}

/** Makes a page of rows that were read with `limit + 1`: the extra one only tells that there are more. `found`: how many there were, where rows were left out. */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  as: { readonly item: (row: Row) => T; readonly id: (row: Row) => string; readonly found?: number },
): Page<T> {
  const kept = rows.slice(0, limit);
  const last = kept.at(-1);
  return {
    data: kept.map(as.item),
    next: (as.found ?? rows.length) > kept.length && last !== undefined ? as.id(last) : null,
  };
}
