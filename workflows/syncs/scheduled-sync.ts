import {
  SearchAttributeType,
  WorkflowExecutionAlreadyStartedError,
  defineSearchAttributeKey,
} from '@temporalio/common';
import type { SearchAttributePair } from '@temporalio/common';
import {
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ChildWorkflowFailure,
  ParentClosePolicy,
  isCancellation,
  proxyActivities,
  sleep,
  startChild,
  upsertMemo,
} from '@temporalio/workflow';
import type { ChildWorkflowHandle } from '@temporalio/workflow';
import { SYNC_CONNECTION, syncWorkflowId } from '../../contracts/sync.ts';
import type {
  ScheduledSyncInput,
  ScheduledSyncMemo,
  ScheduledSyncResult,
  SchedulingActivities,
  SyncConnectionInput,
} from '../../contracts/sync.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { queuedKeywords, syncPriority, syncSummary } from '../../domain/sync/sync-labels.ts';
import type { syncConnection } from './sync-connection.ts';

const scheduling = proxyActivities<SchedulingActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/** A run ends in our database a moment before its workflow closes, so starting the next one is tried this often. */
const CLOSING_ATTEMPTS = 5;
const CLOSING_PAUSE = '2 seconds';

/**
 * What a Schedule starts: opens a run, incremental unless a full pass is due, and waits for its end so that the
 * Schedule skips ticks that come due meanwhile. It completes even when the run fails. Cancelling or terminating it does
 * not end the run.
 */
export async function scheduledSync(input: ScheduledSyncInput): Promise<ScheduledSyncResult> {
  const { run, skipped } = await scheduling.openScheduledRun.executeWithOptions({ summary: 'Open the run' }, [input]);
  if (run === null) return skip(skipped);
  show({ syncId: run.syncId, skipped: null });
  const child = await start(run, input.providerName);
  return child === null ? skip('already-running') : endOf(run, child);
}

/** Returns null when another workflow still runs the same sync. */
async function start(
  run: SyncConnectionInput,
  providerName: string,
): Promise<ChildWorkflowHandle<typeof syncConnection> | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startChild<typeof syncConnection>(SYNC_CONNECTION, {
        workflowId: syncWorkflowId(run),
        args: [run],
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        parentClosePolicy: ParentClosePolicy.ABANDON,
        cancellationType: ChildWorkflowCancellationType.ABANDON,
        memo: { syncId: run.syncId },
        typedSearchAttributes: attributesOf(run),
        staticSummary: syncSummary(run, providerName),
        priority: syncPriority(run),
      });
    } catch (error) {
      if (!(error instanceof WorkflowExecutionAlreadyStartedError)) throw error;
      if (attempt === CLOSING_ATTEMPTS) return null;
      await sleep(CLOSING_PAUSE);
    }
  }
}

async function endOf(
  { syncId }: SyncConnectionInput,
  child: ChildWorkflowHandle<typeof syncConnection>,
): Promise<ScheduledSyncResult> {
  try {
    const { outcome } = await child.result();
    return { syncId, skipped: null, outcome, errorType: null };
  } catch (error) {
    // When this workflow itself is cancelled, it stops waiting and the run goes on.
    if (!(error instanceof ChildWorkflowFailure) || CancellationScope.current().consideredCancelled) throw error;
    if (isCancellation(error)) return { syncId, skipped: null, outcome: 'cancelled', errorType: null };
    return { syncId, skipped: null, outcome: 'failed', errorType: typeOf(error) };
  }
}

/** The type of the run's own failure, which is the cause of its activity's failure. */
function typeOf({ cause }: ChildWorkflowFailure): string {
  const failure = cause instanceof ActivityFailure ? cause.cause : cause;
  return failure instanceof ApplicationFailure && failure.type ? failure.type : 'Internal';
}

function skip(skipped: ScheduledSyncResult['skipped']): ScheduledSyncResult {
  show({ syncId: null, skipped });
  return { syncId: null, skipped, outcome: null, errorType: null };
}

/** Writes the result to the memo, where the API reads it without a worker. */
function show(memo: ScheduledSyncMemo): void {
  upsertMemo({ ...memo });
}

function attributesOf(run: SyncConnectionInput): SearchAttributePair[] {
  const keywords = Object.entries(queuedKeywords(run)).map(([name, value]) => ({
    key: defineSearchAttributeKey(name, SearchAttributeType.KEYWORD),
    value,
  }));
  return [...keywords, { key: defineSearchAttributeKey('NeedsAttention', SearchAttributeType.BOOL), value: false }];
}
