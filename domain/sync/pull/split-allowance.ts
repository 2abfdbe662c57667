/** Maximum extra calls for splitting: a constant plus a share of the pages read. */
const EXTRA_CALLS = 10;
const EXTRA_SHARE = 0.1;
/** The average unused share of a part's last page. */
const EXPECTED_LOSS = 0.5;

/** The state of a listing being read. */
export interface Reading {
  /** Parts not yet read to their end. */
  readonly openCount: number;
  /** Readers that the budget can keep busy. */
  readonly lanes: number;
  /** Remaining pages; null when unknown. */
  readonly pagesLeft: number | null;
}

/**
 * Decides how many readers a listing is worth. Splitting costs calls, because every part ends with a page that is not
 * full or is empty. At any distribution of the records, a listing costs at most a tenth more calls than it has pages,
 * plus twice `EXTRA_CALLS`: a part loses half a page on average, and a whole page when it is empty.
 */
export class SplitAllowance {
  #pages = 0;
  #lost = 0;

  /** Counts a page and its unused space. A page that is not its part's last counts as full. */
  read(page: { readonly recordCount: number; readonly pageSize: number; readonly isLast: boolean }): void {
    this.#pages += 1;
    if (page.isLast) this.#lost += 1 - page.recordCount / page.pageSize;
  }

  /** The maximum number of parts for one open part. */
  partsFor({ openCount, lanes, pagesLeft }: Reading): number {
    const affordable = (EXTRA_CALLS + EXTRA_SHARE * this.#pages - this.#lost) / EXPECTED_LOSS;
    return Math.max(1, Math.floor(Math.min(lanes, affordable, pagesLeft ?? lanes) - openCount) + 1);
  }
}
