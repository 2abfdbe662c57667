import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  workflowInfo,
} from '@temporalio/workflow';
import { WAKE_INBOX_SIGNAL } from '../../contracts/inbox.ts';
import type { DrainInboxInput, DrainInboxResult, InboxActivities } from '../../contracts/inbox.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';

const { drainPartition } = proxyActivities<Pick<InboxActivities, 'drainPartition'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '5 seconds',
  // Without a last attempt: events wait for as long as the database is away.
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/**
 * Drains one partition of the inbox: the activity handles events for as long as they keep coming, and the workflow ends
 * when nothing is left. Between attempts of failed events it waits for the next one to be due, or for a wake-up. A
 * signal that arrives while the workflow completes is not lost: Temporal then gives the workflow another task.
 */
export async function drainInbox(input: DrainInboxInput): Promise<DrainInboxResult> {
  const { partition } = input;
  let handled = input.handled ?? 0;
  let wakeUps = 0;
  setHandler(
    defineSignal(WAKE_INBOX_SIGNAL),
    () => {
      wakeUps += 1;
    },
    { description: 'Makes the drainer look for events at once.' },
  );
  for (;;) {
    const before = wakeUps;
    const chunk = await drainPartition.executeWithOptions({ summary: `Handle events of partition ${partition}` }, [
      { partition },
    ]);
    handled += chunk.handled;
    setCurrentDetails(`| inbox | partition ${partition} |\n| --- | --- |\n| events handled | ${handled} |`);
    if (!chunk.more && wakeUps === before) {
      if (chunk.dueInMs === null) return { handled };
      await condition(() => wakeUps !== before, chunk.dueInMs);
    }
    if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof drainInbox>({ partition, handled });
  }
}
