import type { ConflictResolution } from '../../contracts/conflicts.ts';
import type { mergeConflicts } from '../schema/records/merge-conflicts.ts';

/** A stored conflict. */
export type Conflict = typeof mergeConflicts.$inferSelect;

/** What a person decided. */
export interface Resolution {
  readonly take: Exclude<ConflictResolution, 'agreed'>;
  /** With `values`: the value of each field in conflict, by path. */
  readonly values: Readonly<Record<string, unknown>>;
  readonly by: string;
}
