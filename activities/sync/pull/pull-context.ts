import type { ArchivingCount } from '../../../contracts/sync.ts';
import type { PullStore } from '../../../db/pull/pull-store.ts';
import type { SyncMissingStore } from '../../../db/pull/sync-missing.ts';
import type { SyncProgressStore } from '../../../db/runs/sync-progress-store.ts';
import type { PullPlan } from '../../../providers/provider.ts';
import type { ChunkEnvironment } from '../chunk.ts';

/** What a pull needs for one chunk of its run. */
export interface PullEnvironment extends ChunkEnvironment {
  readonly plan: PullPlan;
  /** From when on history is pulled; null: from the beginning. */
  readonly historyFromEpochS: number | null;
  readonly pulls: PullStore;
  readonly missing: SyncMissingStore;
  readonly progress: SyncProgressStore;
  /** The count that a person has allowed the run to archive; null without an approval. */
  readonly approved: ArchivingCount | null;
}
