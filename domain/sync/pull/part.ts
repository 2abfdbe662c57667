import type { Cursor } from './pull-plan.ts';

/** The position of one reader of a list. Stored with the run: add fields, never rename one. */
export interface PartBase {
  readonly id: number;
  /** The list's name. */
  readonly stream: string;
  /** Null means from the beginning. */
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  /** The cursor that the last page returned; null before the first page. */
  readonly after: Cursor | null;
  readonly pagesRead: number;
}

/** A part of which nothing has been read. */
export type NewPart = PartBase;

/** A page as a strategy sees it. */
export interface ListedPage {
  readonly after: Cursor | null;
  readonly pageSize: number;
  readonly positions: readonly {
    readonly id: string;
    /** The object's time in a list ordered by time; null when the list has no such order. */
    readonly atEpochS: number | null;
  }[];
}

/** An inconsistency between a page of a listing and the pages before it. */
export type PageAnomaly =
  /** Repeats records that were already read. Continuing would loop. */
  | 'page-repeats'
  /** Is not newest first, or contains a record outside the requested part. */
  | 'page-out-of-order'
  /** Is not full although more records are said to follow. */
  | 'page-short'
  /** Objects in front of it were created or deleted since the previous page was read. */
  | 'order-shifted';

/** What to do with a page. */
export type Verdict<Part> =
  | {
      readonly do: 'take';
      /** What remains to be read; null when the part is complete. */
      readonly left: Part | null;
      readonly anomaly: PageAnomaly | null;
      /** Ids on the page that the previous page already contained. */
      readonly known: ReadonlySet<string>;
      /** Earlier pages are being read again, so their records may already be counted. */
      readonly isReread: boolean;
    }
  | { readonly do: 'ask-again'; readonly part: Part; readonly anomaly: 'page-repeats' | 'order-shifted' }
  /** The strategy cannot read this list. The code becomes part of the run's error. */
  | { readonly do: 'fail'; readonly code: 'order-keeps-shifting' };

export const NONE: ReadonlySet<string> = new Set();
