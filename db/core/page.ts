/** Keyset paging by an id that grows with time (UUIDv7 or a sequence), which is stable while rows are being written. */
export interface PageRequest {
  readonly limit: number;
  /** Id of the last row that the caller has seen; null at the start. */
  readonly after: string | null;
}

export interface Page<T> {
  readonly data: readonly T[];
  /** Id after which the next page starts; null on the last page. */
  readonly next: string | null;
  /** It has ended at its bytes, before its limit. */
  readonly isCut: boolean;
}

/**
 * A page ends with the row with which its rows go beyond this. A row is at most a megabyte, so no page is larger than
 * 2 MB.
 */
export const MAX_PAGE_BYTES = 1_048_576;

/**
 * Makes a page of rows that were read with `limit + 1`: the extra one only tells that there are more. `found`: how many there were, where the statement
 * has left out rows beyond the page's bytes; otherwise they are left out here.
 */
export function toPage<Row, T>(
  rows: readonly Row[],
  limit: number,
  as: { readonly item: (row: Row) => T; readonly id: (row: Row) => string; readonly found?: number },
): Page<T> {
  const wanted = rows.slice(0, limit);
  const kept = as.found === undefined ? withinBytes(wanted) : wanted;
  const last = kept.at(-1);
  const next = (as.found ?? rows.length) > kept.length && last !== undefined ? as.id(last) : null;
  return { data: kept.map(as.item), next, isCut: next !== null && kept.length < limit };
}

function withinBytes<Row>(rows: readonly Row[]): readonly Row[] {
  if (mostBytes(rows) < MAX_PAGE_BYTES) return rows;
  let bytes = 0;
  const full = rows.findIndex((row) => {
    bytes += Buffer.byteLength(JSON.stringify(row));
    return bytes >= MAX_PAGE_BYTES;
  });
  return full === -1 ? rows : rows.slice(0, full + 1);
}

/** A character takes six bytes at most, as `\u0000`. */
const BYTES_PER_CHARACTER = 6;
/** No number, time or word of JSON takes as many, nor the quotes and marks around a value. */
const BYTES_PER_VALUE = 40;

/** More than the bytes of the value's JSON, without making that: nearly every page is far from its bound. */
function mostBytes(value: unknown): number {
  if (typeof value === 'string') return BYTES_PER_VALUE + BYTES_PER_CHARACTER * value.length;
  if (typeof value !== 'object' || value === null) return BYTES_PER_VALUE;
  let bytes = BYTES_PER_VALUE;
  for (const key of Object.keys(value))
    bytes += BYTES_PER_CHARACTER * key.length + mostBytes((value as Readonly<Record<string, unknown>>)[key]);
  return bytes;
}
