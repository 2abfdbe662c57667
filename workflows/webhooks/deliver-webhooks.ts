import {
  condition,
  continueAsNew,
  defineSignal,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import { WAKE_DELIVERY_SIGNAL } from '../../contracts/outgoing-webhooks.ts';
import type {
  DeliverWebhooksInput,
  DeliverWebhooksResult,
  DeliveryActivities,
} from '../../contracts/outgoing-webhooks.ts';
import { OUTGOING_QUEUE, PRIORITY } from '../../contracts/temporal.ts';

/**
 * Delivers the messages of one subscription, and waits between the attempts at those that its receiver has not accepted.
 * Ends when none is left. A signal that arrives while the workflow completes is not lost: Temporal then gives it
 * another task.
 */
export async function deliverWebhooks(input: DeliverWebhooksInput): Promise<DeliverWebhooksResult> {
  const { venueId, subscriptionId } = input;
  const { deliverDue } = proxyActivities<Pick<DeliveryActivities, 'deliverDue'>>({
    taskQueue: OUTGOING_QUEUE,
    startToCloseTimeout: '2 minutes',
    heartbeatTimeout: '10 seconds',
    priority: { priorityKey: PRIORITY.webhook, fairnessKey: venueId },
    // Without a last attempt: messages wait for as long as the database or the key service is away.
    retry: { initialInterval: '1 second', maximumInterval: '30 seconds' },
    summary: 'Send the messages that are due',
  });
  let attempts = input.attempts ?? 0;
  let wakeUps = 0;
  setHandler(
    defineSignal(WAKE_DELIVERY_SIGNAL),
    () => {
      wakeUps += 1;
    },
    { description: 'Makes the workflow look for messages at once.' },
  );
  for (;;) {
    const before = wakeUps;
    const { more, dueInMs, ...chunk } = await deliverDue({ venueId, subscriptionId });
    attempts += chunk.attempts;
    setCurrentDetails(`| subscription | ${subscriptionId} |\n| --- | --- |\n| attempts | ${attempts} |`);
    if (more) {
      if (dueInMs !== null) await sleep(dueInMs);
    } else if (wakeUps === before) {
      if (dueInMs === null) return { attempts };
      await condition(() => wakeUps !== before, dueInMs);
    }
    if (workflowInfo().continueAsNewSuggested)
      await continueAsNew<typeof deliverWebhooks>({ venueId, subscriptionId, attempts });
  }
}
