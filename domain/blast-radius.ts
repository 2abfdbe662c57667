/** A run that would archive more than this many records, and more than this share of all, waits for a person. */
const MOST_RECORDS = 20;
const LARGEST_SHARE = 0.1;

export interface BlastRadius {
  readonly archiving: number;
  /** Records that are tied to the provider at all. */
  readonly of: number;
}

export function needsApproval({ archiving, of }: BlastRadius): boolean {
  return archiving > MOST_RECORDS && archiving > of * LARGEST_SHARE;
}
