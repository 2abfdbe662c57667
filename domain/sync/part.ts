import type { Cursor } from './pull-plan.ts';

/** Where one reader of a list stands. Stored with the run: add fields, never rename one. */
export interface PartBase {
  readonly id: number;
  /** The list's name. */
  readonly stream: string;
  /** Null: from the beginning. */
  readonly fromEpochS: number | null;
  readonly toEpochS: number;
  /** As the last page left it; null before the first page. */
  readonly after: Cursor | null;
  readonly pagesRead: number;
}

/** A part that nothing was read of. */
export type NewPart = PartBase;

/** A page as a strategy looks at it. */
export interface ListedPage {
  readonly after: Cursor | null;
  readonly pageSize: number;
  readonly positions: readonly {
    readonly id: string;
    /** Where the object stands in the list's order by time; null where the list has no such order. */
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
  /** Objects in front of it were created or deleted since the page before it was read. */
  | 'order-shifted';

/** What is to be done with a page. */
export type Verdict<Part> =
  | {
      readonly do: 'take';
      /** What is still to be read; null: the part is read to its end. */
      readonly left: Part | null;
      readonly anomaly: PageAnomaly | null;
      /** Ids of the page that the page before brought already. */
      readonly known: ReadonlySet<string>;
      /** Pages before it are being read a second time: what they bring may have been counted. */
      readonly isReread: boolean;
    }
  | { readonly do: 'ask-again'; readonly part: Part; readonly anomaly: 'page-repeats' | 'order-shifted' }
  /** The list cannot be read so. The code goes into the run's error. */
  | { readonly do: 'fail'; readonly code: 'order-keeps-shifting' };

export const NONE: ReadonlySet<string> = new Set();
