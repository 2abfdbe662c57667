import { z } from 'zod';
import type { SubscriptionId, VenueId } from '../../contracts/ids.ts';
import { deliverWebhooksWorkflowId, testSubscriptionWorkflowId } from '../../contracts/outgoing-webhooks.ts';
import { until } from '../support/eventually.ts';
import { startWebhookReceiver } from '../support/webhook-receiver.ts';
import type { WebhookReceiver } from '../support/webhook-receiver.ts';

/** What the scenes need of a running copy, whose receivers may be on this machine (`ALLOW_LOOPBACK_RECEIVERS=true`). */
export interface SubscriptionStage {
  readonly post: (path: string, body: object) => Promise<unknown>;
  readonly createVenue: () => Promise<string>;
  /** Connects an account, of which the subscription is told. */
  readonly connect: (venueId: string) => Promise<unknown>;
}

type Executions = Readonly<Record<string, { readonly workflowId: string; readonly runId: string | null }>>;
const created = z.object({ id: z.string() });

/** Scenes of messages to a receiver. */
export function subscriptionScenes({ post, createVenue, connect }: SubscriptionStage) {
  async function aSubscription(receiver: WebhookReceiver) {
    const venueId = await createVenue();
    const path = `/v1/venues/${venueId}/subscriptions`;
    const { id } = created.parse(await post(path, { url: receiver.url }));
    const ref = { venueId: venueId as VenueId, subscriptionId: id as SubscriptionId };
    return { venueId, ref, path: `${path}/${id}` };
  }
  const attempts = (receiver: WebhookReceiver, count: number) =>
    until(async () => receiver.received.length >= count, { limitMs: 30_000, what: `there were ${count} attempts` });

  return {
    async 'deliver-webhooks.retried'(): Promise<Executions> {
      const receiver = await startWebhookReceiver();
      const { venueId, ref } = await aSubscription(receiver);
      receiver.answer({ status: 500 });
      await connect(venueId);
      await attempts(receiver, 1);
      receiver.answer({ status: 204 });
      await attempts(receiver, 2);
      return { 'deliver-webhooks.retried': { workflowId: deliverWebhooksWorkflowId(ref), runId: null } };
    },
    async 'deliver-webhooks.woken'(): Promise<Executions> {
      const receiver = await startWebhookReceiver();
      const { venueId, ref, path } = await aSubscription(receiver);
      receiver.answer({ status: 500 });
      await connect(venueId);
      // After the second attempt it waits for five minutes.
      await attempts(receiver, 2);
      receiver.answer({ status: 204 });
      await until(
        async () =>
          z.object({ resent: z.int() }).parse(await post(`${path}/deliveries/resend`, { state: 'pending' })).resent > 0,
        {
          limitMs: 10_000,
          what: 'the second attempt is marked',
        },
      );
      await attempts(receiver, 3);
      return { 'deliver-webhooks.woken': { workflowId: deliverWebhooksWorkflowId(ref), runId: null } };
    },
    async 'test-subscription.delivered'(): Promise<Executions> {
      const receiver = await startWebhookReceiver();
      const { ref, path } = await aSubscription(receiver);
      await post(`${path}/test`, {});
      await attempts(receiver, 1);
      return { 'test-subscription.delivered': { workflowId: testSubscriptionWorkflowId(ref), runId: null } };
    },
  };
}
