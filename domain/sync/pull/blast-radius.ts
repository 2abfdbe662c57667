import type { ArchivingCount } from '../../../contracts/sync.ts';

/**
 * A run waits for a person when it would archive more records than this and a larger share of all records than this.
 */
const MOST_RECORDS = 20;
const LARGEST_SHARE = 0.1;

export interface BlastRadius {
  readonly archiving: number;
  /** All records that are linked to the provider. */
  readonly of: number;
}

export function needsApproval({ archiving, of }: BlastRadius): boolean {
  return archiving > MOST_RECORDS && archiving > of * LARGEST_SHARE;
}

/** Deletions by events are counted over this time: they come one by one, and none knows of the others. */
export const EVENT_DELETIONS_WINDOW_MS = 3_600_000;

/**
 * Whether a run may archive the records of this count. `approved` is the count that a person approved for this run, or
 * null.
 */
export function mayArchive(counted: ArchivingCount, approved: ArchivingCount | null): boolean {
  return !needsApproval(counted) || (approved !== null && covers(approved, counted));
}

/**
 * An approval covers only the counted records: no larger number, including those archived since, and no later deletion.
 * The latter catches a record that was restored while another was deleted in its place.
 */
function covers(approved: ArchivingCount, counted: ArchivingCount): boolean {
  const isCounted = (counted.newestDeletionEpochUs ?? 0) <= (approved.newestDeletionEpochUs ?? 0);
  return isCounted && counted.archived + counted.archiving <= approved.archived + approved.archiving;
}

/** Whether both counts are equal, so that approving one approves the other. */
export const isSameCount = (one: ArchivingCount, other: ArchivingCount): boolean =>
  one.archiving === other.archiving &&
  one.of === other.of &&
  one.archived === other.archived &&
  one.newestDeletionEpochUs === other.newestDeletionEpochUs;
