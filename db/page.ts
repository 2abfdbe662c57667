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
