import type { ConnectionRef, SyncId } from '../../contracts/ids.ts';
import type { Direction, Resource, SyncMode } from '../../contracts/providers.ts';
import type { AuditOf } from '../../db/core/audit-store.ts';
import type { Connection, ConnectionStore } from '../../db/connections/connection-store.ts';
import { PlanNotUsableError } from '../../db/runs/sync-run-opening.ts';
import type { NewSyncRun, Opening, SyncWindow } from '../../db/runs/sync-run-opening.ts';
import type { SyncRun, SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { isUsable } from '../../domain/grants/usable-connection.ts';
import { scopesMissingFor } from '../../providers/kit/needed-scopes.ts';
import type { Providers } from '../../providers/providers.ts';
import { ApiError } from '../errors/api-error.ts';
import { notFound } from '../errors/not-found.ts';
import type { SyncGateway } from '../temporal/sync-gateway.ts';

/** `nextAction` of a disconnected connection says what is left to do at the provider, which begins no work again. */
const CONNECT_AGAIN = 'Connect its account again: POST …/connections.';
const REAUTHORIZE = 'Re-authorise it, or enter a valid key: PATCH …/connections/{connectionId}.';

export interface SyncDeps {
  readonly connections: ConnectionStore;
  readonly providers: Providers;
  readonly runs: SyncRunStore;
  readonly gateway: SyncGateway;
}

export interface SyncOrder extends ConnectionRef {
  readonly resource: Resource;
  readonly direction: Direction;
  readonly mode: SyncMode;
  readonly dryRun: boolean;
  readonly window: SyncWindow | null;
  readonly planId: SyncId | undefined;
  readonly requestedBy: string;
  /** Digest of the request, if it may be repeated. */
  readonly requestKey: string | null;
  /** Makes the audit row of a run that this request opens. */
  readonly auditOf: AuditOf<SyncRun>;
}

const MAX_ATTEMPTS = 3;
const RETRY_AFTER_MS = 1_000;

/**
 * Opens a run and starts its workflow, or joins the open one; a waiting one looks again. An open run without a
 * workflow, because a process died or Temporal was away, gets its workflow now. A request that opened a run before gets
 * the same run, even if it is over. A run that only retries dead letters is not joined. Throws ApiError; repeating it completes what is half-done.
 */
export async function startSync(
  deps: SyncDeps,
  order: SyncOrder,
): Promise<{ readonly run: SyncRun; readonly joined: boolean }> {
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const { run, joined, fresh } = await openOrJoin(deps, order);
    // It covers none of what is asked for.
    if (joined && run.deadLettersOnly)
      throw new ApiError('sync-already-open', `A retry of dead letters of this sync is open: ${run.id}.`);
    const workflowRunId = fresh ? await deps.gateway.start(run) : await joinWorkflow(deps, run);
    if (workflowRunId !== null) return { run: await noteWorkflow(deps, run, workflowRunId), joined };
    if (!joined) return { run: (await deps.runs.find(run.venueId, run.id)) ?? run, joined };
  }
  throw new ApiError('temporal-unavailable', 'Runs of this sync end faster than one can be joined.', {
    retryAfterMs: RETRY_AFTER_MS,
  });
}

/** Stores which workflow run works on the run; returns the run as it is now. */
export async function noteWorkflow({ runs }: SyncDeps, run: SyncRun, workflowRunId: string): Promise<SyncRun> {
  if (workflowRunId !== run.workflowRunId) await runs.setWorkflowRunId(run.venueId, run.id, workflowRunId);
  return (await runs.find(run.venueId, run.id)) ?? run;
}

async function openOrJoin(deps: SyncDeps, order: SyncOrder): Promise<{ readonly run: SyncRun } & Opening> {
  const { venueId, requestKey } = order;
  // Comes before the other checks, because the connection may be gone by now and the plan used.
  const own = requestKey === null ? null : await deps.runs.findByRequest(venueId, requestKey);
  if (own) return { run: own, joined: false, fresh: false };
  const newRun = await checkOrder(deps, order);
  try {
    return await deps.runs.openOrJoin(newRun, order.auditOf);
  } catch (error) {
    if (!(error instanceof PlanNotUsableError)) throw error;
    throw new ApiError(
      'plan-not-usable',
      'No completed dry run of this very sync, younger than a day and than its last run, has this id.',
    );
  }
}

/** Null when the run has finished. Because a workflow closes only after its run, this order cannot miss it. */
async function joinWorkflow({ runs, gateway }: SyncDeps, run: SyncRun): Promise<string | null> {
  if (run.finishedAt) return null;
  const running = await gateway.findRunning(run);
  if (running !== null) {
    if (run.phase === 'waiting') await gateway.wake(run);
    return running;
  }
  const now = await runs.find(run.venueId, run.id);
  return now && !now.finishedAt ? gateway.start(now) : null;
}

async function checkOrder({ connections, providers }: SyncDeps, order: SyncOrder): Promise<NewSyncRun> {
  const connection = await connections.find(order);
  if (!connection) throw notFound('connection-not-found');
  const direction = checkAbility(providers, connection, order);
  requireActive(connection);
  const { venueId, connectionId, resource, mode, dryRun, window, planId, requestedBy, requestKey } = order;
  return {
    venueId,
    connectionId,
    provider: connection.provider,
    resource,
    direction,
    mode,
    dryRun,
    window,
    planId,
    requestedBy,
    requestKey,
  };
}

/** Throws `connection-not-active`, with what a person should do. */
export function requireActive(connection: Connection): void {
  if (!isUsable(connection)) throw connectionNotActive(connection);
}

/** `connection-not-active`, with what a person should do. */
export function connectionNotActive({ state, nextAction }: Pick<Connection, 'state' | 'nextAction'>): ApiError {
  const advice =
    (state === 'disconnected' ? CONNECT_AGAIN : nextAction) ?? (state === 'needs-reauth' ? REAUTHORIZE : null);
  return new ApiError('connection-not-active', `The connection is ${state}.${advice === null ? '' : ` ${advice}`}`);
}

/** Throws `resource-not-supported`, `direction-not-supported` and `scopes-missing`. */
export function checkAbility(
  providers: Providers,
  { provider, scopes }: Connection,
  { resource, direction }: Pick<SyncOrder, 'resource' | 'direction'>,
): NewSyncRun['direction'] {
  const { displayName, resources } = providers.find(provider)?.capabilities ?? { displayName: provider, resources: [] };
  const ability = resources.find((candidate) => candidate.resource === resource);
  if (!ability) {
    const known = resources.map((candidate) => candidate.resource).join(', ');
    throw new ApiError(
      'resource-not-supported',
      `${displayName} does not sync ${resource}. It syncs: ${known || 'nothing yet'}.`,
    );
  }
  if (!ability.directions.includes(direction)) {
    throw new ApiError(
      'direction-not-supported',
      `${displayName} syncs ${resource} as: ${ability.directions.join(', ')}; not as ${direction}.`,
    );
  }
  const definition = providers.definition(provider);
  const missing = definition === null ? [] : scopesMissingFor(definition, scopes, { resource, direction });
  if (missing.length > 0)
    throw new ApiError(
      'scopes-missing',
      `The owner has not granted ${missing.join(', ')}, which ${displayName} asks for to ${direction === 'pull' ? 'read' : 'read and write'} ${resource}. Have the connection approved once more: POST …/reauthorize.`,
    );
  return direction;
}
