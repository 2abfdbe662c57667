import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  executeChild,
  isCancellation,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { RETRY_MORE_SIGNAL } from '../../contracts/dead-letters.ts';
import type { DeadLetterActivities, RetryDeadLettersInput, RetryGroup } from '../../contracts/dead-letters.ts';
import { SCHEDULED_SYNC } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { syncPriority } from '../../domain/sync/sync-labels.ts';
import type { scheduledSync } from './scheduled-sync.ts';

const { planRetries, endRetry, cancelRetries } = proxyActivities<DeadLetterActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/** Pauses before another attempt while a run of the same sync is open, which may itself wait for days. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Retries what a venue's operators have asked for: events at once, and records by one run for each sync, which covers
 * nothing else. Syncs are independent of one another, so that one that waits delays no other. Ends when nothing is left;
 * cancelling it opens the rest again.
 */
export async function retryDeadLetters(input: RetryDeadLettersInput): Promise<void> {
  let requests = 0;
  setHandler(defineSignal(RETRY_MORE_SIGNAL), () => {
    requests += 1;
  });
  try {
    const retrying = new Map<string, Promise<void>>();
    let ended = 0;
    for (;;) {
      const [requestsBefore, endedBefore] = [requests, ended];
      const { groups, asOf } = await planRetries.executeWithOptions({ summary: 'Look what is to be retried' }, [input]);
      for (const group of groups) {
        const key = keyOf(group);
        if (!retrying.has(key))
          retrying.set(
            key,
            retryGroup(group, asOf).finally(() => {
              retrying.delete(key);
              ended += 1;
            }),
          );
      }
      if (retrying.size === 0 && requests === requestsBefore) return;
      // Also throws what a retry throws.
      const allEnded = Promise.all(retrying.values());
      await Promise.race([allEnded, condition(() => requests > requestsBefore || ended > endedBefore)]);
      if (workflowInfo().continueAsNewSuggested && retrying.size === 0)
        await continueAsNew<typeof retryDeadLetters>(input);
    }
  } catch (error) {
    if (isCancellation(error)) await CancellationScope.nonCancellable(() => cancelRetries(input));
    throw error;
  }
}

const keyOf = ({ connectionId, resource, direction }: RetryGroup): string => `${connectionId}/${resource}/${direction}`;

async function retryGroup(group: RetryGroup, asOf: string): Promise<void> {
  const { venueId, connectionId, provider, resource, direction, providerName } = group;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    const { skipped, outcome } = await executeChild<typeof scheduledSync>(SCHEDULED_SYNC, {
      workflowId: `retry-dead-letters/${keyOf(group)}`,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      args: [
        {
          venueId,
          connectionId,
          provider,
          resource,
          direction,
          providerName,
          fullEveryMs: null,
          deadLettersOnly: true,
        },
      ],
      staticSummary: `${providerName}: dead letters of ${resource}, ${direction}`,
      priority: syncPriority({ venueId, mode: 'incremental' }),
    });
    if (skipped !== 'already-running') {
      const completed = outcome === 'completed' || outcome === 'completed-with-rejections';
      await endRetry.executeWithOptions({ summary: completed ? 'Settle the rest' : 'Open the rest again' }, [
        { ...group, asOf, completed },
      ]);
      return;
    }
    await sleep(pauseMs);
  }
}
