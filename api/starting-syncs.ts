import type { ConnectionRef, SyncId, VenueId } from '../contracts/ids.ts';
import type { Direction, Resource, SyncMode } from '../contracts/providers.ts';
import type { Connection, ConnectionStore } from '../db/connection-store.ts';
import type { NewSyncRun, SyncRun, SyncRunStore } from '../db/sync-run-store.ts';
import type { Providers } from '../providers/providers.ts';
import { ApiError } from './api-error.ts';
import { notFound } from './not-found.ts';
import type { SyncGateway } from './sync-gateway.ts';

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
  readonly requestedBy: string;
}

const MAX_ATTEMPTS = 3;
const RETRY_AFTER_MS = 1_000;
/** Long enough for the cancellation to be there before the workflow's first step, so that the step is never taken. */
const CANCELLED_START_DELAY_MS = 1_000;

/**
 * Opens a run and starts its workflow, or joins the open one. A run that is open without a workflow, because a process died or Temporal
 * was away, gets its workflow now. Throws ApiError; what is half-done then is mended by repeating.
 */
export async function startSync(deps: SyncDeps, order: SyncOrder): Promise<{ readonly run: SyncRun; readonly joined: boolean }> {
  const newRun = await checkOrder(deps, order);
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt += 1) {
    const { run, joined } = await deps.runs.openOrJoin(newRun);
    const workflowRunId = joined ? await joinWorkflow(deps, run) : await deps.gateway.start(run);
    if (workflowRunId === null) continue;
    if (workflowRunId !== run.workflowRunId) await deps.runs.setWorkflowRunId(run.venueId, run.id, workflowRunId);
    return { run: (await deps.runs.find(run.venueId, run.id)) ?? run, joined };
  }
  throw new ApiError('temporal-unavailable', 'Runs of this sync end faster than one can be joined.', { retryAfterMs: RETRY_AFTER_MS });
}

/** Null when the run has finished since it was found open. A workflow closes only after its run has: this order cannot miss it. */
async function joinWorkflow({ runs, gateway }: SyncDeps, run: SyncRun): Promise<string | null> {
  const running = await gateway.findRunning(run);
  if (running !== null) return running;
  const now = await runs.find(run.venueId, run.id);
  return now && !now.finishedAt ? gateway.start(now) : null;
}

/** Asks a run to stop; asking again is fine. Throws `sync-not-found` and `sync-finished`. */
export async function cancelSync({ runs, gateway }: SyncDeps, venueId: VenueId, id: SyncId): Promise<SyncRun> {
  const run = openOnly(await runs.find(venueId, id));
  if (await gateway.cancel(run)) return run;
  // Either it has just finished, or it never got its workflow. Only a workflow closes a run: this one starts cancelled and does nothing else.
  const now = openOnly(await runs.find(venueId, id));
  await gateway.start(now, { delayMs: CANCELLED_START_DELAY_MS });
  await gateway.cancel(now);
  return now;
}

function openOnly(run: SyncRun | null): SyncRun {
  if (!run) throw notFound('sync-not-found');
  if (run.finishedAt) throw new ApiError('sync-finished', `The run is over: ${run.outcome ?? 'finished'}.`);
  return run;
}

async function checkOrder({ connections, providers }: SyncDeps, order: SyncOrder): Promise<NewSyncRun> {
  const connection = await connections.find(order);
  if (!connection) throw notFound('connection-not-found');
  const direction = checkAbility(providers, connection, order);
  if (order.dryRun) throw new ApiError('dry-run-not-supported', 'A sync cannot be tried dry yet. Nothing was started.');
  if (connection.state !== 'active') throw new ApiError('connection-not-active', `The connection is ${connection.state}.`);
  const { venueId, connectionId, resource, mode, requestedBy } = order;
  return { venueId, connectionId, provider: connection.provider, resource, direction, mode, requestedBy };
}

function checkAbility(providers: Providers, { provider }: Connection, { resource, direction }: SyncOrder): NewSyncRun['direction'] {
  const { displayName, resources } = providers.find(provider)?.capabilities ?? { displayName: provider, resources: [] };
  const ability = resources.find((candidate) => candidate.resource === resource);
  if (!ability) {
    const known = resources.map((candidate) => candidate.resource).join(', ');
    throw new ApiError('resource-not-supported', `${displayName} does not sync ${resource}. It syncs: ${known || 'nothing yet'}.`);
  }
  if (direction === 'both' || !ability.directions.includes(direction)) {
    throw new ApiError('direction-not-supported', `${displayName} syncs ${resource} as: ${ability.directions.join(', ')}; not as ${direction}.`);
  }
  return direction;
}
