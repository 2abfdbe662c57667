import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import { SYNC_CONNECTION } from '../../contracts/sync.ts';
import type { FinishSyncInput, SyncConnectionInput, SyncControlActivities, SyncOutcome } from '../../contracts/sync.ts';
import type { AuditOf, AuditStore } from '../../db/core/audit-store.ts';
import type { ReachStore } from '../../db/connections/reach-store.ts';
import type { ConnectionStore } from '../../db/connections/connection-store.ts';
import type { RunEnd, RunSummary, SyncProgressStore } from '../../db/runs/sync-progress-store.ts';
import type { RunState } from '../../db/runs/run-state.ts';
import { deadLetterPull, firstPullCheckpoint } from '../../domain/sync/checkpoint.ts';
import { explainFailure } from '../../domain/errors/failure-advice.ts';
import { explainWaiting } from '../../domain/sync/waiting/waiting-advice.ts';
import type { PullPlan } from '../../domain/sync/pull/pull-plan.ts';
import type { Providers } from '../../providers/providers.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { BulkThrottle } from './bulk-throttle.ts';
import { guarded } from '../failures.ts';
import { noteOnRun } from '../trouble.ts';

export interface SyncControlDeps {
  readonly progress: SyncProgressStore;
  readonly connections: ConnectionStore;
  readonly audit: AuditStore;
  readonly reach: Pick<ReachStore, 'find'>;
  readonly providers: Providers;
  /** Of the bulk runs in this process, which give way to an incremental run. */
  readonly bulkThrottle?: Pick<BulkThrottle, 'giveWay'>;
  readonly log: Logger;
}

/** Short steps of a sync that use only our own database. */
export function createSyncControlActivities(deps: SyncControlDeps): SyncControlActivities {
  return {
    beginSync: (input) => guarded(() => telling(deps, input, () => begin(deps, input))),
    requestStop: (input) => guarded(() => deps.progress.requestStop(input)),
    finishSync: (input) => guarded(() => telling(deps, input, () => finish(deps, input))),
    parkSync: (input) =>
      guarded(() =>
        deps.progress.park(input, {
          what: input.what,
          since: new Date().toISOString(),
          until: input.until,
          error: explainWaiting(input.what),
        }),
      ),
    noteApproval: (input) => guarded(() => deps.progress.approve(input, input.by)),
  };
}

/** Runs a step and shows on the run why it fails, because Temporal retries these steps until they succeed. */
async function telling<T>(deps: SyncControlDeps, input: SyncConnectionInput, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await noteOnRun(deps, input, error);
    throw error;
  }
}

async function begin({ progress, providers, reach, bulkThrottle }: SyncControlDeps, input: SyncConnectionInput) {
  if (input.mode === 'incremental') bulkThrottle?.giveWay();
  const state = await progress.begin(input, Context.current().info.workflowExecution?.runId ?? null);
  if (!state)
    throw ApplicationFailure.nonRetryable(
      'the run is gone, or another run of this sync is open: start it again by the API',
      FAILURE.runUnavailable,
    );
  const resumed = state.checkpoint !== null;
  const planned = resumed ? null : await plan({ progress, providers, reach }, input);
  return { ...progressOf((await progress.start(input, planned)) ?? state), resumed };
}

async function plan(
  { progress, providers, reach }: Pick<SyncControlDeps, 'progress' | 'providers' | 'reach'>,
  input: SyncConnectionInput,
) {
  if (input.direction === 'push')
    return { checkpoint: { kind: 'push', after: null } as const, total: await progress.countToPush(input) };
  const pullPlan = providers.find(input.provider)?.pullPlan(input.resource);
  if (!pullPlan) throw ApplicationFailure.nonRetryable(`${input.provider} is not spoken here`, FAILURE.runUnavailable);
  return planReading({ progress, reach }, input, pullPlan);
}

async function planReading(
  { progress, reach }: Pick<SyncControlDeps, 'progress' | 'reach'>,
  input: SyncConnectionInput,
  pullPlan: PullPlan,
) {
  const thenPush = input.direction === 'both' && { thenPush: true as const };
  if (input.deadLettersOnly === true) return { checkpoint: deadLetterPull({ ...thenPush }), total: null };
  const [{ historyFromEpochS }, { watermark, feedCursor, hasLinks }] = await Promise.all([
    reach.find(input),
    progress.position(input),
  ]);
  const nowEpochS = Math.floor(Date.now() / 1_000);
  const watermarkEpochS = watermark === null ? null : Math.floor(watermark.getTime() / 1_000);
  const checkpoint = firstPullCheckpoint({
    mode: input.mode,
    plan: pullPlan,
    nowEpochS,
    watermarkEpochS,
    feedCursor,
    window: input.window ?? null,
    historyFromEpochS,
    ...thenPush,
    ...(isOnlyRead(input, hasLinks) && { isFirstReading: true as const }),
  });
  // Until the provider has counted, the number of records that we hold is the best estimate; a first pull has none.
  const readsAll = checkpoint.stages[0]?.kind === 'listing' && input.window === undefined;
  const total = readsAll && watermarkEpochS !== null ? await progress.countLinked(input) : null;
  return { checkpoint, total };
}

/** Nothing competes with what the run reads. */
const isOnlyRead = ({ direction }: SyncConnectionInput, hasLinks: boolean) => direction === 'pull' && !hasLinks;

async function finish({ progress, connections, providers }: SyncControlDeps, input: FinishSyncInput) {
  const state = await progress.read(input);
  if (!state) throw ApplicationFailure.nonRetryable('the run is gone', FAILURE.runUnavailable);
  const connection = input.dryRun === true ? await connections.find(input) : null;
  const end = toEnd(input, state, connection ? providers.ratePerSecond(connection) : null);
  const entry = finishedEntry(input, { actor: SYNC_CONNECTION, isFailed: end.error !== null });
  const summary = await progress.finish(input, end, entry);
  return { ...progressOf(summary), outcome: summary.outcome };
}

/** Makes the audit row of the end of a run. */
export const finishedEntry =
  (
    { venueId, syncId }: Pick<SyncConnectionInput, 'venueId' | 'syncId'>,
    { actor, isFailed }: { readonly actor: string; readonly isFailed: boolean },
  ): AuditOf<RunSummary> =>
  ({ outcome, done, counts }) => ({
    venueId,
    actor,
    action: 'sync.finished',
    targetType: 'sync',
    targetId: syncId,
    outcome: isFailed ? 'failed' : 'ok',
    requestId: null,
    details: { outcome, done, rejected: counts.rejected },
  });

/** `ratePerSecond` is set for a dry run. */
function toEnd(input: FinishSyncInput, state: RunState, ratePerSecond: number | null): RunEnd {
  const error = input.end === 'failed' ? explainFailure(input.failure?.type ?? 'Internal') : null;
  return {
    outcome: outcomeOf(input.end, state.counts.rejected),
    error,
    plan: ratePerSecond === null ? null : estimateOf(input, state, ratePerSecond),
    ...reachOf(input, state),
  };
}

/** The watermark of a run that ended well and wrote records. */
function reachOf(
  { end, dryRun, direction, mode }: FinishSyncInput,
  { checkpoint }: RunState,
): Pick<RunEnd, 'watermark' | 'feedCursor' | 'wasFull'> {
  if (end !== 'done' || dryRun === true || checkpoint?.kind !== 'done') return { watermark: null };
  const { watermarkEpochS, feedCursor = null, readAll = false } = checkpoint;
  return {
    watermark: watermarkEpochS === null ? null : new Date(watermarkEpochS * 1_000),
    feedCursor: watermarkEpochS === null ? null : feedCursor,
    wasFull: direction === 'push' ? mode === 'full' : readAll,
  };
}

/** A push makes the planned calls, a pull repeats the reads of its dry run, and a two-way run does both. */
function estimateOf({ direction }: FinishSyncInput, { plannedCalls, providerCalls }: RunState, ratePerSecond: number) {
  const calls = (direction === 'pull' ? 0 : plannedCalls) + (direction === 'push' ? 0 : providerCalls);
  return { calls, seconds: Math.ceil(calls / ratePerSecond) };
}

function outcomeOf(end: FinishSyncInput['end'], rejected: number): SyncOutcome {
  if (end !== 'done') return end;
  return rejected > 0 ? 'completed-with-rejections' : 'completed';
}

// Only numbers go into the history, not the checkpoint.
const progressOf = ({
  done,
  total,
  counts,
  providerCalls,
}: Pick<RunState, 'done' | 'total' | 'counts' | 'providerCalls'>) => ({ done, total, counts, providerCalls });
