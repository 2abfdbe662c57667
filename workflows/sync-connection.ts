import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  continueAsNew,
  isCancellation,
  proxyActivities,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { SyncChunkActivities, SyncChunkResult, SyncConnectionInput, SyncControlActivities, SyncProgress, SyncSummary } from '../contracts/sync.ts';
import { INTERNAL_QUEUE, providerQueue } from '../contracts/temporal.ts';
import { showFailure, showPhase } from './search-attributes.ts';

const control = proxyActivities<SyncControlActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/** One run of a sync: chunks of minutes until everything is read or written, or until it is cancelled or fails. */
export async function syncConnection(input: SyncConnectionInput): Promise<SyncSummary> {
  try {
    if (input.continued) {
      await walk(input, null);
    } else {
      const begun = await control.beginSync.executeWithOptions({ summary: 'Plan the run' }, [input]);
      showPhase('running');
      showProgress(input, begun);
      await walk(input, begun.total);
    }
  } catch (error) {
    if (isCancellation(error)) {
      await CancellationScope.nonCancellable(() => finish(input, { ...input, end: 'cancelled' }));
    } else if (error instanceof ActivityFailure) {
      await finish(input, { ...input, end: 'failed', failure: causeOf(error) });
    }
    throw error;
  }
  return finish(input, { ...input, end: 'done' });
}

/** Works chunk after chunk. Throws what ended the work early: a cancellation, or the failure of a chunk. */
async function walk(input: SyncConnectionInput, total: number | null): Promise<void> {
  let expected = total;
  let status: SyncChunkResult['status'];
  do {
    const chunk = await runChunk(input, expected);
    showProgress(input, chunk);
    ({ status, total: expected } = chunk);
    if (status === 'more' && workflowInfo().continueAsNewSuggested) await continueAsNew<typeof syncConnection>({ ...input, continued: true });
  } while (status === 'more');
}

/** From here on a run is long enough for its heartbeats to count: each that reaches the server is an action. */
const MANY_RECORDS = 5_000;

async function runChunk(input: SyncConnectionInput, expected: number | null): Promise<SyncChunkResult> {
  const { syncChunk } = proxyActivities<SyncChunkActivities>({
    taskQueue: providerQueue(input.provider),
    startToCloseTimeout: '10 minutes',
    // Outages are sat out; six hours without an end are a person's business.
    scheduleToCloseTimeout: '6 hours',
    // A killed worker is noticed after this long. The SDK sends a heartbeat every 0.8 of it.
    heartbeatTimeout: (expected ?? 0) > MANY_RECORDS ? '30 seconds' : '20 seconds',
    cancellationType: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
    retry: { initialInterval: '1 second', backoffCoefficient: 2, maximumInterval: '2 minutes' },
    summary: `${input.direction} ${input.resource}`,
  });
  // A cancellation reaches the activity with its next heartbeat, which may be long; the flag reaches it with its next page.
  void CancellationScope.current().cancelRequested.catch(() => CancellationScope.nonCancellable(() => control.requestStop(input)));
  const chunk = await syncChunk(input);
  if (chunk.status === 'stopped') throw new CancelledFailure('the run was asked to stop');
  return chunk;
}

async function finish(input: SyncConnectionInput, end: Parameters<SyncControlActivities['finishSync']>[0]): Promise<SyncSummary> {
  const summary = await control.finishSync.executeWithOptions({ summary: `Close the run: ${end.end}` }, [end]);
  showProgress(input, summary);
  if (end.end === 'failed') showFailure(end.failure?.type ?? 'Internal');
  else showPhase('finished');
  return summary;
}

function causeOf(failure: ActivityFailure): { readonly type: string; readonly message: string } {
  const { cause } = failure;
  return cause instanceof ApplicationFailure ? { type: cause.type ?? 'Internal', message: cause.message } : { type: cause?.name ?? 'Internal', message: '' };
}

/** What the Web UI shows of the run: numbers and ids only. */
function showProgress({ syncId, mode }: SyncConnectionInput, { done, total, counts, providerCalls }: SyncProgress): void {
  setCurrentDetails(
    [
      `| ${mode} run | ${syncId} |`,
      '| --- | --- |',
      `| done | ${done} of ${total ?? 'unknown'} |`,
      `| created / updated / unchanged | ${counts.created} / ${counts.updated} / ${counts.unchanged} |`,
      `| archived / rejected / conflicts | ${counts.archived} / ${counts.rejected} / ${counts.conflicts} |`,
      `| provider calls | ${providerCalls} |`,
    ].join('\n'),
  );
}
