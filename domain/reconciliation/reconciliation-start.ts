import { RECONCILE_CONNECTION } from '../../contracts/reconciliation.ts';
import type { OpenReconciliationInput } from '../../contracts/reconciliation.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../sync/search-attributes.ts';

/** A function with the type of the `reconcileConnection` workflow, as far as starting it needs that. */
export type ReconcileConnection = (input: OpenReconciliationInput) => Promise<unknown>;

/** Starts an open reconciliation's workflow: the arguments of the client's start, which fails while its id is taken. */
export function reconciliationStart(input: OpenReconciliationInput, workflowId: string, providerName: string) {
  const { venueId, connectionId, provider, reconciliationId } = input;
  return [
    RECONCILE_CONNECTION,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId,
      args: [input] as [OpenReconciliationInput],
      workflowIdConflictPolicy: 'FAIL' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      memo: { reconciliationId },
      typedSearchAttributes: startAttributes({
        ...{ VenueId: venueId, Provider: provider, ConnectionId: connectionId },
        ...{ Resource: 'transactions', Phase: 'queued' },
      }),
      staticSummary: `${providerName}: reconcile transactions`,
      priority: { priorityKey: PRIORITY.bulk, fairnessKey: venueId },
    },
  ] as const;
}
