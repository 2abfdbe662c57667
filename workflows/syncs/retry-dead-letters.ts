import {
  CancellationScope,
  condition,
  continueAsNew,
  defineSignal,
  isCancellation,
  proxyActivities,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { RETRY_MORE_SIGNAL } from '../../contracts/dead-letters.ts';
import type { DeadLetterActivities, RetryDeadLettersInput, RetryGroup } from '../../contracts/dead-letters.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { syncPriority } from '../../domain/sync/sync-labels.ts';
import { ownPass } from './own-pass.ts';

const { planRetries, endRetry, cancelRetries } = proxyActivities<DeadLetterActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

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
  const completed = await ownPass(
    { venueId, connectionId, provider, resource, direction, providerName, fullEveryMs: null, deadLettersOnly: true },
    {
      workflowId: `retry-dead-letters/${keyOf(group)}`,
      staticSummary: `${providerName}: dead letters of ${resource}, ${direction}`,
      priority: syncPriority({ venueId, mode: 'incremental' }),
    },
  );
  await endRetry.executeWithOptions({ summary: completed ? 'Settle the rest' : 'Open the rest again' }, [
    { ...group, asOf, completed },
  ]);
}
