import { keepConnectionFreshWorkflowId } from '../../contracts/connections.ts';
import type { KeepConnectionFreshInput } from '../../contracts/connections.ts';
import type { ConnectionState } from '../../contracts/providers.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';

/** How the workflow that owns a connection's credentials is started where it is not running, in Temporal's words but for the search attributes. */
export function ownerOptions({ venueId, connectionId, provider }: KeepConnectionFreshInput, providerName: string) {
  return {
    taskQueue: WORKFLOW_QUEUE,
    workflowId: keepConnectionFreshWorkflowId(connectionId),
    args: [{ venueId, connectionId, provider }] as [KeepConnectionFreshInput],
    workflowIdConflictPolicy: 'USE_EXISTING' as const,
    workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
    staticSummary: `${providerName}: keep the connection fresh`,
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: venueId },
  };
}

/** The owner's search attributes of type Keyword as it starts. */
export function ownerKeywords(connection: KeepConnectionFreshInput): Readonly<Record<string, string>> {
  return connectionKeywords(connection, 'active' satisfies ConnectionState);
}

/** Search attributes of type Keyword by which operators find what is at work on a connection's credentials. */
export function connectionKeywords(
  { venueId, connectionId, provider }: KeepConnectionFreshInput,
  phase: string,
): Readonly<Record<string, string>> {
  return { VenueId: venueId, ConnectionId: connectionId, Provider: provider, Phase: phase };
}
