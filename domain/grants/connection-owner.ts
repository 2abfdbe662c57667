import { keepConnectionFreshWorkflowId } from '../../contracts/connections.ts';
import type { KeepConnectionFreshInput } from '../../contracts/connections.ts';
import type { ConnectionState } from '../../contracts/providers.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';

/**
 * Options to start a connection's token manager when it is not running, in Temporal's terms and without search
 * attributes.
 */
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

/** The token manager's initial search attributes of type Keyword. */
export function ownerKeywords(connection: KeepConnectionFreshInput): Readonly<Record<string, string>> {
  return connectionKeywords(connection, 'active' satisfies ConnectionState);
}

/** Keyword search attributes by which operators find workflows on a connection's credentials. */
export function connectionKeywords(
  { venueId, connectionId, provider }: KeepConnectionFreshInput,
  phase: string,
): Readonly<Record<string, string>> {
  return { VenueId: venueId, ConnectionId: connectionId, Provider: provider, Phase: phase };
}
