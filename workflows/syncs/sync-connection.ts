import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  TimeoutFailure,
  condition,
  continueAsNew,
  isCancellation,
  patched,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import { CIRCUIT_OPEN } from '../../contracts/failures.ts';
import type {
  ParkedSync,
  SyncChunkActivities,
  SyncChunkResult,
  SyncConnectionInput,
  SyncControlActivities,
  SyncProgress,
  SyncSummary,
} from '../../contracts/sync.ts';
import { INTERNAL_QUEUE, laneQueue } from '../../contracts/temporal.ts';
import { isSameCount } from '../../domain/sync/pull/blast-radius.ts';
import { waitPolicyFor, waitMs } from '../../domain/sync/waiting/wait-policy.ts';
import type { WaitPolicy } from '../../domain/sync/waiting/wait-policy.ts';
import { causeOf, retryAfterOf } from '../activity-failures.ts';
import { showFailure, showPhase, showWait, showWaiting } from '../search-attributes.ts';
import { Instructions } from '../signals.ts';

const control = proxyActivities<SyncControlActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/**
 * One run of a sync: asks for chunk after chunk until everything is read or written, or until the run is cancelled or
 * fails. Waits as long as necessary when the provider or a person has to act first.
 */
export async function syncConnection(input: SyncConnectionInput): Promise<SyncSummary> {
  const instructions = new Instructions();
  try {
    if (input.continued) {
      await new Run(input, instructions, null).walk();
    } else {
      const begun = await control.beginSync.executeWithOptions({ summary: 'Plan the run' }, [input]);
      showPhase('running');
      showProgress(input, begun);
      await new Run(input, instructions, begun.total).walk();
    }
  } catch (error) {
    if (isCancellation(error)) await finish(input, { ...input, end: 'cancelled' });
    else if (error instanceof ActivityFailure)
      await finish(input, { ...input, end: 'failed', failure: causeOf(error) });
    throw error;
  }
  return finish(input, { ...input, end: 'done' });
}

/**
 * Runs above this size heartbeat once a chunk, because each heartbeat that reaches the server is a billed action. A
 * killed worker is noticed by its lock in Postgres; only one that hangs is noticed by this.
 */
const MANY_RECORDS = 5_000;
/** Longer than a chunk works. */
const RARE_HEARTBEAT = '4 minutes';

class Run {
  readonly #input: SyncConnectionInput;
  readonly #instructions: Instructions;
  #expected: number | null;
  /** Number of chunks that ended with more to do. */
  #chunks = 0;
  #parked: ParkedSync | null;

  constructor(input: SyncConnectionInput, instructions: Instructions, expected: number | null) {
    this.#input = input;
    this.#instructions = instructions;
    this.#expected = expected;
    this.#parked = input.parked ?? null;
  }

  /**
   * Runs chunks until the work is done. Throws a cancellation, or the failure of a chunk that waiting cannot resolve.
   */
  async walk(): Promise<void> {
    for (;;) {
      this.#instructions.woken = false;
      this.#instructions.approval = null;
      const chunk = await this.#tryChunk();
      if (chunk !== null) {
        this.#expected = chunk.total;
        showProgress(this.#input, chunk);
        if (chunk.status === 'done') return;
        this.#chunks += 1;
        if (chunk.status === 'needs-approval') await this.#awaitApproval(chunk);
      }
      if (workflowInfo().continueAsNewSuggested) await this.#continueAsNew();
    }
  }

  #continueAsNew(): Promise<never> {
    // Null when the run no longer waits for what it waited for before an earlier continue-as-new.
    return continueAsNew<typeof syncConnection>({ ...this.#input, continued: true, parked: this.#parked });
  }

  /**
   * Returns null when the chunk is to be requested again: its time was up, or the wait after a temporary failure is
   * over.
   */
  async #tryChunk(): Promise<SyncChunkResult | null> {
    try {
      const chunk = await this.#runChunk();
      if (this.#parked) showPhase('running');
      this.#parked = null;
      return chunk;
    } catch (error) {
      if (!(error instanceof ActivityFailure)) throw error;
      if (error.cause instanceof TimeoutFailure) return null;
      const waitPolicy = waitPolicyFor(causeOf(error).type);
      // Runs that an earlier version began fail here, as their histories record.
      if (waitPolicy === null || !patched('waits-instead-of-failing')) throw error;
      await this.#park(waitPolicy, error);
      return null;
    }
  }

  async #runChunk(): Promise<SyncChunkResult> {
    const { direction, resource, mode, continued } = this.#input;
    // A run of more than one chunk is bulk work, even in incremental mode.
    const work = mode === 'full' || continued || this.#chunks > 0 ? 'bulk' : 'incremental';
    const { syncChunk } = proxyActivities<SyncChunkActivities>({
      taskQueue: laneQueue(work),
      startToCloseTimeout: '10 minutes',
      // Includes the time in the queue. A chunk that exceeds it is requested again and resumes from its last page.
      scheduleToCloseTimeout: '6 hours',
      // Time until Temporal notices a worker that hangs. The SDK sends a heartbeat every 0.8 of it.
      heartbeatTimeout: (this.#expected ?? 0) > MANY_RECORDS ? RARE_HEARTBEAT : '20 seconds',
      cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
      // Applies only to attempts that a lost worker ended, where a pause would not help. Attempts that fail set their
      // own delay.
      retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '5 seconds' },
      summary: `${direction} ${resource}${this.#input.dryRun ? ', dry run' : ''}`,
    });
    // A cancellation reaches the activity only with its next heartbeat, which may take long; the flag reaches it with
    // its next page.
    const attempt = { over: false };
    void CancellationScope.current().cancelRequested.catch(() => this.#requestStop(attempt));
    const chunk = await syncChunk(this.#input).finally(() => {
      attempt.over = true;
    });
    if (chunk.status === 'stopped') throw new CancelledFailure('the run was asked to stop');
    return chunk;
  }

  async #requestStop(attempt: { readonly over: boolean }): Promise<void> {
    // Runs that an earlier version began sent one stop request for every chunk so far.
    if (attempt.over && patched('stops-only-the-chunk-at-work')) return;
    await CancellationScope.nonCancellable(() => control.requestStop(this.#input));
  }

  async #park(waitPolicy: WaitPolicy, failure: ActivityFailure): Promise<void> {
    const same = this.#parked?.what === waitPolicy.what ? this.#parked : null;
    const parked = { what: waitPolicy.what, sinceMs: same?.sinceMs ?? Date.now(), failures: (same?.failures ?? 0) + 1 };
    const waitedMs = Date.now() - parked.sinceMs;
    const forMs = waitMs(waitPolicy, { failures: parked.failures, waitedMs, retryAfterMs: retryAfterOf(failure) });
    if (forMs === null) throw failure;
    this.#parked = parked;
    const waitForMs = circuitWaitMs(failure) ?? forMs;
    const until = new Date(Date.now() + waitForMs).toISOString();
    await control.parkSync.executeWithOptions({ summary: `Wait: ${waitPolicy.what}` }, [
      { ...this.#input, what: waitPolicy.what, until },
    ]);
    showWait(waitPolicy, causeOf(failure).type, parked.failures);
    await condition(() => this.#instructions.woken, waitForMs);
  }

  async #awaitApproval({ awaiting }: SyncChunkResult): Promise<void> {
    showWaiting('awaiting-approval', null, true);
    setCurrentDetails(
      [
        `**Waits for approval**: the run would archive ${awaiting?.archiving ?? 'many'} of ${awaiting?.of ?? 'all'} records.`,
        '',
        'Send the signal `approve` to let it go on, or cancel the run to keep the records.',
      ].join('\n'),
    );
    // A reset delivers earlier signals again, so an approval that came before the question counts only when it names
    // what it approves.
    const isBound = patched('approvals-name-what-they-approve');
    if (isBound && !this.#instructions.approval?.awaiting) this.#instructions.approval = null;
    await condition(() => this.#isApproved(isBound ? awaiting : undefined));
    await control.noteApproval({ ...this.#input, by: this.#instructions.approval?.by ?? '' });
    showPhase('running');
  }

  #isApproved(awaiting: SyncChunkResult['awaiting']): boolean {
    const { approval } = this.#instructions;
    return approval !== null && (!awaiting || !approval.awaiting || isSameCount(approval.awaiting, awaiting));
  }
}

/** Also when the run was asked to stop after its last chunk had done everything, or had failed. */
async function finish(
  input: SyncConnectionInput,
  end: Parameters<SyncControlActivities['finishSync']>[0],
): Promise<SyncSummary> {
  const summary = await CancellationScope.nonCancellable(() =>
    control.finishSync.executeWithOptions({ summary: `Close the run: ${end.end}` }, [end]),
  );
  showProgress(input, summary);
  if (end.end === 'failed') showFailure(end.failure?.type ?? 'Internal');
  else showPhase('finished');
  return summary;
}

/**
 * How long the circuit that rejected the chunk stays open, plus up to half as much jitter so that runs do not all
 * resume at once. Null when no circuit was open.
 */
function circuitWaitMs({ cause }: ActivityFailure): number | null {
  if (!(cause instanceof ApplicationFailure)) return null;
  const [details] = (cause.details ?? []) as readonly ({ code?: string; retryAfterMs?: number } | undefined)[];
  if (details?.code !== CIRCUIT_OPEN || typeof details.retryAfterMs !== 'number') return null;
  return Math.ceil(details.retryAfterMs * (1 + Math.random() / 2));
}

/** Shows the run's progress in the Web UI: numbers and ids only. */
function showProgress(
  { syncId, mode, dryRun }: SyncConnectionInput,
  { done, total, counts, providerCalls }: SyncProgress,
): void {
  setCurrentDetails(
    [
      `| ${mode} ${dryRun ? 'dry ' : ''}run | ${syncId} |`,
      '| --- | --- |',
      `| done | ${done} of ${total ?? 'unknown'} |`,
      `| created / updated / unchanged | ${counts.created} / ${counts.updated} / ${counts.unchanged} |`,
      `| archived / rejected / conflicts | ${counts.archived} / ${counts.rejected} / ${counts.conflicts} |`,
      `| provider calls | ${providerCalls} |`,
    ].join('\n'),
  );
}
