import { proxyActivities } from '@temporalio/workflow';
import type { SubscriptionRef } from '../../contracts/ids.ts';
import type { DeliveryActivities, SampleResult } from '../../contracts/outgoing-webhooks.ts';
import { OUTGOING_QUEUE, PRIORITY } from '../../contracts/temporal.ts';

/**
 * Sends a sample to a subscription's receiver, once. A workflow, because only a worker can open the secret that signs
 * it. A caller waits for the answer.
 */
export async function testSubscription(input: SubscriptionRef): Promise<SampleResult> {
  const { sendSample } = proxyActivities<Pick<DeliveryActivities, 'sendSample'>>({
    taskQueue: OUTGOING_QUEUE,
    scheduleToCloseTimeout: '20 seconds',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    retry: { initialInterval: '500 milliseconds' },
    summary: 'Send a sample',
  });
  return sendSample(input);
}
