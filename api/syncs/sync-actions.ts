import type { ConnectionRef, SyncId, VenueId } from '../../contracts/ids.ts';
import type { AuditOf } from '../../db/core/audit-store.ts';
import { OtherRunOpenError } from '../../db/runs/sync-run-opening.ts';
import type { SyncRun, SyncRunStore } from '../../db/runs/sync-run-store.ts';
import { ApiError } from '../errors/api-error.ts';
import type { Log } from '../http/log.ts';
import { notFound } from '../errors/not-found.ts';
import { describeError } from '../errors/outage.ts';
import { noteWorkflow, requireActive } from './start-sync.ts';
import type { SyncDeps } from './start-sync.ts';
import type { SyncGateway } from '../temporal/sync-gateway.ts';

/** Long enough for the cancellation to arrive before the workflow's first step, so that the step never runs. */
const CANCELLED_START_DELAY_MS = 1_000;
const RETRY_AFTER_MS = 2_000;
const WAKE_AGAIN_AFTER_MS = 2_000;

/**
 * How a retry is audited: with the run's row when it is reopened, on its own when its workflow is only woken or started
 * again.
 */
export interface RetryAudit {
  readonly entry: AuditOf<SyncRun>;
  readonly note: (run: SyncRun) => Promise<void>;
}

interface RunReference {
  readonly venueId: VenueId;
  readonly syncId: SyncId;
}

/** Asks a run to stop; safe to repeat. Throws `sync-not-found` and `sync-finished`. */
export async function cancelSync(deps: SyncDeps, ref: RunReference): Promise<SyncRun> {
  const { gateway } = deps;
  const run = openOnly(await find(deps, ref));
  if (await gateway.cancel(run)) return run;
  // Either it has just finished or it never got its workflow. Only a workflow closes a run, so this one is started
  // cancelled and does nothing else.
  const now = openOnly(await find(deps, ref));
  const started = await noteWorkflow(deps, now, await gateway.start(now, { delayMs: CANCELLED_START_DELAY_MS }));
  await gateway.cancel(started);
  return started;
}

/** Approves a run that waits for it; safe to repeat. Throws `sync-not-found` and `not-awaiting-approval`. */
export async function approveSync(deps: SyncDeps, ref: RunReference, by: string): Promise<SyncRun> {
  const run = await find(deps, ref);
  if (run.phase !== 'awaiting-approval') {
    if (run.approvedAt !== null) return run;
    throw new ApiError('not-awaiting-approval', `The run does not wait for approval: it is ${run.phase}.`);
  }
  if (await deps.gateway.approve(run, { by, ...(run.awaiting && { awaiting: run.awaiting }) })) return run;
  await giveWorkflow(deps, run);
  throw new ApiError(
    'temporal-unavailable',
    'The run had lost its workflow and has got another: approve it when it waits again.',
    { retryAfterMs: RETRY_AFTER_MS },
  );
}

/**
 * Reopens a run that failed or was cancelled at its last committed page, makes a waiting one look again at once, and
 * gives an open one that lost its workflow a new one. Repeating it completes what is half-done. Throws ApiError.
 */
export async function retrySync(deps: SyncDeps, ref: RunReference, audited: RetryAudit): Promise<SyncRun> {
  const run = await find(deps, ref);
  if (!run.finishedAt) {
    const retried = await retryOpen(deps, run);
    await audited.note(retried);
    return retried;
  }
  if (run.outcome !== 'failed' && run.outcome !== 'cancelled') throw finished(run);
  const connection = await deps.connections.find({ venueId: run.venueId, connectionId: run.connectionId });
  if (!connection) throw notFound('connection-not-found');
  requireActive(connection);
  // The old workflow has the same run in its memo, so one that is just closing would be taken for the new one.
  await deps.gateway.untilClosed(run);
  const reopened = await reopen(deps.runs, run, audited.entry);
  return giveWorkflow(deps, reopened);
}

async function retryOpen(deps: SyncDeps, run: SyncRun): Promise<SyncRun> {
  if (run.phase === 'waiting' && (await deps.gateway.wake(run))) return run;
  if ((await deps.gateway.findRunning(run)) === null)
    return giveWorkflow(deps, openOnly(await find(deps, { venueId: run.venueId, syncId: run.id })));
  throw new ApiError(
    'sync-running',
    run.phase === 'awaiting-approval'
      ? 'The run waits for approval: approve it or cancel it.'
      : `The run is at work: ${run.phase}.`,
  );
}

async function reopen(runs: SyncRunStore, run: SyncRun, auditOf: AuditOf<SyncRun>): Promise<SyncRun> {
  try {
    const reopened = await runs.reopen(run.venueId, run.id, auditOf);
    if (reopened) return reopened;
  } catch (error) {
    if (!(error instanceof OtherRunOpenError)) throw error;
    throw new ApiError('sync-already-open', `Another run of this sync is open: ${error.openId}.`);
  }
  // A duplicate of this request has reopened it.
  const now = await runs.find(run.venueId, run.id);
  if (now && !now.finishedAt) return now;
  throw finished(now ?? run);
}

async function giveWorkflow(deps: SyncDeps, run: SyncRun): Promise<SyncRun> {
  return noteWorkflow(deps, run, await deps.gateway.start(run));
}

async function find({ runs }: SyncDeps, { venueId, syncId }: RunReference): Promise<SyncRun> {
  const run = await runs.find(venueId, syncId);
  if (!run) throw notFound('sync-not-found');
  return run;
}

function openOnly(run: SyncRun): SyncRun {
  if (run.finishedAt) throw finished(run);
  return run;
}

const finished = ({ outcome }: SyncRun) => new ApiError('sync-finished', `The run is over: ${outcome ?? 'finished'}.`);

export interface WakingDeps {
  readonly runs: SyncRunStore;
  readonly gateway: SyncGateway;
  readonly log: Log;
}

/**
 * Makes every open run of a connection look again at once. Never throws, because a waiting run looks by itself later.
 */
export async function wakeRunsOf(deps: WakingDeps, ref: ConnectionRef): Promise<void> {
  try {
    await wakeAll(deps, ref);
  } catch {
    await new Promise((resolve) => {
      setTimeout(resolve, WAKE_AGAIN_AFTER_MS).unref();
    });
    await wakeAll(deps, ref).catch((error: unknown) => {
      deps.log.warn(
        { connectionId: ref.connectionId, error: describeError(error) },
        'waiting runs could not be woken: they go on when they next look by themselves',
      );
    });
  }
}

async function wakeAll({ runs, gateway }: WakingDeps, ref: ConnectionRef): Promise<void> {
  await Promise.all((await runs.listOpen(ref)).map((run) => gateway.wake(run)));
}
