import type { ArchivingCount } from '../../contracts/sync.ts';

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

/** Whether a run may archive what it counts now. `approved` is the count that a person has approved for this run; null when nobody has. */
export function mayArchive(counted: ArchivingCount, approved: ArchivingCount | null): boolean {
  return !needsApproval(counted) || (approved !== null && covers(approved, counted));
}

/**
 * An approval covers only the records that were counted for it: no more of them, including those archived since, and none that was deleted
 * later. The second rule notices a record that was restored and another that was deleted in its place.
 */
function covers(approved: ArchivingCount, counted: ArchivingCount): boolean {
  const isCounted = (counted.newestDeletionEpochUs ?? 0) <= (approved.newestDeletionEpochUs ?? 0);
  return isCounted && counted.archived + counted.archiving <= approved.archived + approved.archiving;
}

/** Whether both are the same count, so that an approval of one is an approval of the other. */
export const isSameCount = (one: ArchivingCount, other: ArchivingCount): boolean =>
  one.archiving === other.archiving &&
  one.of === other.of &&
  one.archived === other.archived &&
  one.newestDeletionEpochUs === other.newestDeletionEpochUs;
