import {
  ActivityCancellationType,
  ActivityFailure,
  CancellationScope,
  TimeoutFailure,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import type {
  FinishReconciliationInput,
  OpenReconciliationInput,
  ReconcileChunkActivities,
  ReconcileChunkResult,
  ReconcileConnectionInput,
  ReconciliationControlActivities,
  ReconciliationProgress,
} from '../../contracts/reconciliation.ts';
import { WAKE_SIGNAL } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE, PRIORITY, laneQueue } from '../../contracts/temporal.ts';
import { waitMs, waitPolicyFor } from '../../domain/sync/waiting/wait-policy.ts';
import type { WaitPolicy } from '../../domain/sync/waiting/wait-policy.ts';
import { causeOf, retryAfterOf } from '../activity-failures.ts';
import { showFailure, showPhase, showWait } from '../search-attributes.ts';

const control = proxyActivities<ReconciliationControlActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '60 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/** What the workflow waits for, and since when. */
interface Waiting {
  readonly what: WaitPolicy['what'];
  readonly sinceMs: number;
  readonly failures: number;
}

/**
 * Compares a connection's transactions of some business days with the provider's. Waits as long as necessary when the
 * provider or a person has to act first. Returns null when a Schedule's workflow found nothing to do.
 */
export async function reconcileConnection(input: ReconcileConnectionInput): Promise<ReconciliationProgress | null> {
  const open = await openOf(input);
  if (open === null) return null;
  try {
    await new Reconciliation(open).walk();
  } catch (error) {
    if (isCancellation(error)) {
      await finish({ ...open, end: 'cancelled' });
    } else if (error instanceof ActivityFailure) {
      const failure = causeOf(error);
      await finish({ ...open, end: 'failed', failure });
      showFailure(failure.type);
    }
    throw error;
  }
  const progress = await finish({ ...open, end: 'completed' });
  showPhase('finished');
  return progress;
}

/** The input with its reconciliation, which a Schedule's workflow opens itself. */
async function openOf(input: ReconcileConnectionInput): Promise<OpenReconciliationInput | null> {
  const { reconciliationId } = input;
  if (reconciliationId !== null) return { ...input, reconciliationId };
  const begun = await control.beginReconciliation.executeWithOptions({ summary: 'Open the reconciliation' }, [input]);
  return begun.reconciliationId === null ? null : { ...input, reconciliationId: begun.reconciliationId };
}

class Reconciliation {
  readonly #input: OpenReconciliationInput;
  #waiting: Waiting | null = null;
  #woken = false;

  constructor(input: OpenReconciliationInput) {
    this.#input = input;
    setHandler(
      defineSignal(WAKE_SIGNAL),
      () => {
        this.#woken = true;
      },
      { description: 'Makes a waiting reconciliation try again at once.' },
    );
  }

  /** Runs chunks until everything is compared. Throws a cancellation, or a failure that waiting cannot resolve. */
  async walk(): Promise<void> {
    showPhase('running');
    for (;;) {
      this.#woken = false;
      const chunk = await this.#tryChunk();
      if (chunk) show(this.#input, chunk);
      if (chunk?.status === 'done') return;
      if (workflowInfo().continueAsNewSuggested)
        await continueAsNew<typeof reconcileConnection>({ ...this.#input, continued: true });
    }
  }

  /** Returns null when the chunk is to be requested again: its time was up, or a wait is over. */
  async #tryChunk(): Promise<ReconcileChunkResult | null> {
    const { venueId } = this.#input;
    const { reconcileChunk } = proxyActivities<ReconcileChunkActivities>({
      taskQueue: laneQueue('bulk'),
      startToCloseTimeout: '10 minutes',
      // Includes the time in the queue. A chunk that exceeds it is requested again and goes on from its last page.
      scheduleToCloseTimeout: '6 hours',
      heartbeatTimeout: '20 seconds',
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      // Applies to attempts that a lost worker ended. Attempts that fail set their own delay.
      retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '5 seconds' },
      priority: { priorityKey: PRIORITY.bulk, fairnessKey: venueId },
      summary: 'Compare transactions',
    });
    try {
      const chunk = await reconcileChunk(this.#input);
      if (this.#waiting) showPhase('running');
      this.#waiting = null;
      return chunk;
    } catch (error) {
      if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
      if (error.cause instanceof TimeoutFailure) return null;
      const policy = waitPolicyFor(causeOf(error).type);
      if (policy === null) throw error;
      await this.#wait(policy, error);
      return null;
    }
  }

  async #wait(policy: WaitPolicy, failure: ActivityFailure): Promise<void> {
    const same = this.#waiting?.what === policy.what ? this.#waiting : null;
    const waiting = { what: policy.what, sinceMs: same?.sinceMs ?? Date.now(), failures: (same?.failures ?? 0) + 1 };
    const forMs = waitMs(policy, {
      failures: waiting.failures,
      waitedMs: Date.now() - waiting.sinceMs,
      retryAfterMs: retryAfterOf(failure),
    });
    if (forMs === null) throw failure;
    this.#waiting = waiting;
    await control.parkReconciliation.executeWithOptions({ summary: `Wait: ${policy.what}` }, [
      { ...this.#input, what: policy.what, until: new Date(Date.now() + forMs).toISOString() },
    ]);
    showWait(policy, causeOf(failure).type, waiting.failures);
    await condition(() => this.#woken, forMs);
  }
}

/** Also when it was asked to stop after its last chunk had compared everything, or had failed. */
async function finish(end: FinishReconciliationInput): Promise<ReconciliationProgress> {
  const progress = await CancellationScope.nonCancellable(() =>
    control.finishReconciliation.executeWithOptions({ summary: `Close the reconciliation: ${end.end}` }, [end]),
  );
  show(end, progress);
  return progress;
}

/** Shows the progress in the Web UI: numbers and ids only. */
function show(
  { reconciliationId }: Pick<OpenReconciliationInput, 'reconciliationId'>,
  { read, compared, discrepancies, providerCalls }: ReconciliationProgress,
): void {
  setCurrentDetails(
    [
      `| reconciliation | ${reconciliationId} |`,
      '| --- | --- |',
      `| read at the provider | ${read} |`,
      `| compared | ${compared} |`,
      `| discrepancies | ${discrepancies} |`,
      `| provider calls | ${providerCalls} |`,
    ].join('\n'),
  );
}
