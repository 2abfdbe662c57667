import { getClient } from '@temporalio/activity';
import { WorkflowNotFoundError } from '@temporalio/client';
import { SearchAttributeType, TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import { GRANT_REPLACED_SIGNAL, KEEP_CONNECTION_FRESH, keepConnectionFreshWorkflowId } from '../contracts/connections.ts';
import type { KeepConnectionFreshInput } from '../contracts/connections.ts';
import type { ConnectionState } from '../contracts/providers.ts';
import { WAKE_SIGNAL } from '../contracts/sync.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import type { SyncRun } from '../db/sync-run-store.ts';

type Owner = (input: KeepConnectionFreshInput) => Promise<unknown>;

const NEEDS_ATTENTION = defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL);

/** How the workflow that owns a connection's token is started, where it is not running. */
export function ownerStart({ venueId, connectionId, provider }: KeepConnectionFreshInput, providerName: string) {
  const keywords = Object.entries({ VenueId: venueId, ConnectionId: connectionId, Provider: provider, Phase: 'active' satisfies ConnectionState });
  return {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: keepConnectionFreshWorkflowId(connectionId),
    args: [{ venueId, connectionId, provider }] as [KeepConnectionFreshInput],
    workflowIdConflictPolicy: 'USE_EXISTING' as const,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
    typedSearchAttributes: new TypedSearchAttributes([
      ...keywords.map(([name, value]) => ({ key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD), value })),
      { key: NEEDS_ATTENTION, value: false },
    ]),
    staticSummary: `${providerName}: keep the connection fresh`,
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
  };
}

/** From within an activity: tells the owner, which is started where it is not running, that the connection has other credentials now. */
export async function tellOwner(connection: KeepConnectionFreshInput, providerName: string): Promise<void> {
  await getClient().workflow.signalWithStart<Owner>(KEEP_CONNECTION_FRESH, { ...ownerStart(connection, providerName), signal: GRANT_REPLACED_SIGNAL });
}

/** From within an activity: makes waiting runs look again at once. One that has no workflow is over, or looks when it gets one. */
export async function wakeRuns(runs: readonly SyncRun[]): Promise<void> {
  await Promise.all(
    runs.map(async ({ workflowId }) => {
      try {
        await getClient().workflow.getHandle(workflowId).signal(WAKE_SIGNAL);
      } catch (error) {
        if (!(error instanceof WorkflowNotFoundError)) throw error;
      }
    }),
  );
}
