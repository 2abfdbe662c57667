import { SCHEDULED_SYNC } from '../../contracts/sync.ts';
import type { ScheduledSyncInput, ScheduledSyncResult, SyncKey } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../sync/search-attributes.ts';
import { syncKeywords, syncPriority } from '../sync/sync-labels.ts';

/** A function with the type of the `scheduledSync` workflow. */
export type ScheduledSync = (input: ScheduledSyncInput) => Promise<ScheduledSyncResult>;

/**
 * Starts a run of a resource of which events would have deleted many records: the arguments of the client's start. It is
 * a full one, because not every provider's change feed tells of deletions.
 */
export function heldDeletionsRun(sync: SyncKey, providerName: string) {
  return [
    SCHEDULED_SYNC,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: `held-deletions/${sync.connectionId}/${sync.resource}`,
      args: [{ ...sync, providerName, fullEveryMs: 0 }] as [ScheduledSyncInput],
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      typedSearchAttributes: startAttributes(syncKeywords(sync)),
      staticSummary: `${providerName}: ${sync.resource}, of which events would have deleted many`,
      priority: syncPriority({ venueId: sync.venueId, mode: 'full' }),
    },
  ] as const;
}
