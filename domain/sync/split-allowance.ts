/** Calls that cutting may cost besides a share of those that are needed. */
const EXTRA_CALLS = 10;
const EXTRA_SHARE = 0.1;
/** What the last page of a part leaves empty, on average. */
const EXPECTED_LOSS = 0.5;

/** What is known of a listing that is being read. */
export interface Reading {
  /** Parts that are not read to their end. */
  readonly openCount: number;
  /** Readers that the budget can keep busy. */
  readonly lanes: number;
  /** Pages still to come; null when nobody knows. */
  readonly pagesLeft: number | null;
}

/**
 * Says how many readers a listing is worth. Every part ends with a page that is not full, or holds nothing: cutting costs calls. However
 * the records lie in time, a listing takes at most a tenth more calls than it has pages, and twice `EXTRA_CALLS`: half a page is what a part
 * loses on average, a whole one where it is empty.
 */
export class SplitAllowance {
  #pages = 0;
  #lost = 0;

  /** Takes note of a page, and of what it left empty. A page that is not its part's last counts as full. */
  read(page: { readonly recordCount: number; readonly pageSize: number; readonly isLast: boolean }): void {
    this.#pages += 1;
    if (page.isLast) this.#lost += 1 - page.recordCount / page.pageSize;
  }

  /** How many parts one of the open ones may become. */
  partsFor({ openCount, lanes, pagesLeft }: Reading): number {
    const affordable = (EXTRA_CALLS + EXTRA_SHARE * this.#pages - this.#lost) / EXPECTED_LOSS;
    return Math.max(1, Math.floor(Math.min(lanes, affordable, pagesLeft ?? lanes) - openCount) + 1);
  }
}
