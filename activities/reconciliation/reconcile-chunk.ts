import { Context } from '@temporalio/activity';
import { ApplicationFailure, CancelledFailure } from '@temporalio/common';
import type {
  OpenReconciliationInput,
  ReconcileChunkActivities,
  ReconcileChunkResult,
} from '../../contracts/reconciliation.ts';
import { FAILURE } from '../../contracts/failures.ts';
import type {
  ReconciliationProgressStore,
  ReconciliationState,
} from '../../db/reconciliation/reconciliation-progress-store.ts';
import { firstCheckpoint } from '../../domain/reconciliation/checkpoint.ts';
import { isCircuitOpen } from '../../providers/limits/circuits.ts';
import type { SpanLists } from '../../domain/sync/pull/pull-plan.ts';
import { transactions } from '../../records/transactions.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { describe, finalAfter, guarded, toFailure } from '../failures.ts';
import { withHeartbeat } from '../heartbeat.ts';
import { withSession } from '../provider-session.ts';
import type { ProviderSessionDeps } from '../provider-session.ts';
import { MOST_ATTEMPTS, backoffMs } from '../sync/sync-chunk.ts';
import { sessionWithin } from '../sync/reach.ts';
import { mappingsOf } from '../sync/resource-mappings.ts';
import type { MappingsDeps } from '../sync/resource-mappings.ts';
import { ReconciliationWalk } from './reconciliation-walk.ts';

const READING = { resource: transactions.name, direction: 'pull' } as const;

export interface ReconcileChunkDeps extends Pick<ProviderSessionDeps, 'credentials'>, MappingsDeps {
  readonly reconciliationProgress: ReconciliationProgressStore;
  readonly log: Logger;
  /** How long one chunk works before it returns to the workflow. */
  readonly chunkMs: number;
}

/** Reads and compares, page by page; each page is committed with its position, so that the next attempt goes on from it. */
export function createReconcileChunkActivities(deps: ReconcileChunkDeps): ReconcileChunkActivities {
  return {
    async reconcileChunk(input) {
      const runId = Context.current().info.workflowExecution?.runId ?? null;
      const state = await guarded(() => deps.reconciliationProgress.takeOver(input, runId));
      const work = { progress: state.progress };
      try {
        return await withHeartbeat(
          () => run(deps, state, work),
          () => work.progress,
        );
      } catch (error) {
        throw failureOf(deps, input, { error, progressed: work.progress !== state.progress });
      }
    },
  };
}

async function run(
  deps: ReconcileChunkDeps,
  state: ReconciliationState,
  work: { progress: ReconciliationState['progress'] },
): Promise<ReconcileChunkResult> {
  const { cancellationSignal } = Context.current();
  const deadlineMs = performance.now() + deps.chunkMs;
  const { scope, accounts } = state;
  const lists = spanOf(deps, scope);
  const {
    fieldMapping,
    reach,
    historyFromEpochS = null,
  } = await mappingsOf(deps, { ...scope, resource: transactions.name });
  let calls = 0;
  const options = { connection: scope, use: READING, accounts, lane: 'bulk', onCall: () => (calls += 1) } as const;
  return withSession(deps, options, async (session) => {
    const walk = new ReconciliationWalk({
      scope,
      lists,
      session: sessionWithin(session.resource(transactions.name), reach),
      fieldMapping,
      historyFromEpochS,
      store: deps.reconciliationProgress,
      takeCalls() {
        const taken = calls;
        calls = 0;
        return taken;
      },
    });
    let checkpoint = state.checkpoint ?? firstCheckpoint(lists, scope.days);
    while (checkpoint.kind !== 'done' && performance.now() < deadlineMs) {
      cancellationSignal.throwIfAborted();
      const step = await walk.step(checkpoint);
      checkpoint = step.checkpoint;
      if (step.progress) work.progress = step.progress;
    }
    return { ...work.progress, status: checkpoint.kind === 'done' ? 'done' : 'more' };
  });
}

function spanOf({ providers }: ReconcileChunkDeps, { provider }: OpenReconciliationInput): SpanLists {
  const lists = providers.find(provider)?.pullPlan(transactions.name).span;
  if (!lists) throw ApplicationFailure.nonRetryable(`${provider} cannot be asked by time`, FAILURE.runUnavailable);
  return lists;
}

function failureOf(
  { log }: ReconcileChunkDeps,
  { reconciliationId, provider }: OpenReconciliationInput,
  { error, progressed }: { readonly error: unknown; readonly progressed: boolean },
): unknown {
  const { info, cancellationSignal, cancellationDetails } = Context.current();
  // Calls that were aborted because the activity is to stop are no failures.
  if (cancellationSignal.aborted) {
    if (cancellationDetails?.cancelRequested === true) return new CancelledFailure('the reconciliation was cancelled');
    return ApplicationFailure.create({
      type: 'Interrupted',
      message: 'the worker was asked to stop',
      nextRetryDelay: 100,
    });
  }
  log.warn({ reconciliationId, provider, cause: describe(error), progressed }, 'reconciliation interrupted');
  const failure = toFailure(error, progressed, backoffMs(info.attempt - 1));
  if (isCircuitOpen(error)) return finalAfter(1, failure);
  const type = failure instanceof ApplicationFailure ? (failure.type ?? '') : '';
  return progressed ? failure : finalAfter(MOST_ATTEMPTS[type] ?? Infinity, failure);
}
