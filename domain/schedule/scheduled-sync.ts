import type { ProviderCapabilities, Resource } from '../../contracts/providers.ts';
import { SCHEDULED_SYNC } from '../../contracts/sync.ts';
import type { ScheduledSyncInput, SyncKey } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { syncPriority, syncSummary } from '../sync/sync-labels.ts';

/**
 * A run missed while Temporal was down is made up only if it is no older than this; the next run reads the same
 * changes.
 */
const CATCH_UP_MS = 60_000;

export const SCHEDULE_POLICIES = { overlap: 'SKIP', catchupWindow: CATCH_UP_MS } as const;

/** The workflow that a sync's Schedule starts, in Temporal's terms and without search attributes. */
export function scheduledAction(
  { venueId, connectionId, provider, resource, direction }: SyncKey,
  { providerName, fullEveryMs }: Pick<ScheduledSyncInput, 'providerName' | 'fullEveryMs'>,
) {
  const input: ScheduledSyncInput = {
    venueId,
    connectionId,
    provider,
    resource,
    direction,
    providerName,
    ...(fullEveryMs !== undefined && { fullEveryMs }),
  };
  const run = { venueId, direction, resource, mode: 'incremental' } as const;
  return {
    type: 'startWorkflow' as const,
    workflowType: SCHEDULED_SYNC,
    // Temporal appends the time to this id.
    workflowId: `scheduled-sync/${connectionId}/${resource}`,
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
    staticSummary: `Scheduled: ${syncSummary(run, providerName)}`,
    // The SDK sends a schedule's priority, but its type lacks the field.
    priority: syncPriority(run),
  };
}

/** The timing of the default schedules: every connection starts with an hourly pull of each pullable resource. */
export const DEFAULT_TIMING = { everyMs: 3_600_000 } as const;

/** Resources whose default schedule was never created. */
export function withoutDefaultSchedule(
  capabilities: Pick<ProviderCapabilities, 'resources'> | undefined,
  known: readonly Resource[],
): readonly Resource[] {
  const pulled = capabilities?.resources.filter(({ directions }) => directions.includes('pull')) ?? [];
  return pulled.map(({ resource }) => resource).filter((resource) => !known.includes(resource));
}
