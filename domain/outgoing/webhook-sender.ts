import type { SubscriptionRef } from '../../contracts/ids.ts';
import {
  DELIVER_WEBHOOKS,
  WAKE_DELIVERY_SIGNAL,
  deliverWebhooksWorkflowId,
} from '../../contracts/outgoing-webhooks.ts';
import type { DeliverWebhooksInput, DeliverWebhooksResult } from '../../contracts/outgoing-webhooks.ts';
import { PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { startAttributes } from '../sync/search-attributes.ts';

/** A function with the type of the `deliverWebhooks` workflow. */
export type DeliverWebhooks = (input: DeliverWebhooksInput) => Promise<DeliverWebhooksResult>;

/** Wakes a subscription's sender, or starts it when it is not running: the arguments of the client's signalWithStart. */
export function senderWakeUp({ venueId, subscriptionId }: SubscriptionRef) {
  return [
    DELIVER_WEBHOOKS,
    {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: deliverWebhooksWorkflowId({ venueId, subscriptionId }),
      args: [{ venueId, subscriptionId }] as [DeliverWebhooksInput],
      signal: WAKE_DELIVERY_SIGNAL,
      workflowIdConflictPolicy: 'USE_EXISTING' as const,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE' as const,
      typedSearchAttributes: startAttributes({ VenueId: venueId, Phase: 'delivering' }),
      staticSummary: `Webhooks: deliver to subscription ${subscriptionId}`,
      priority: { priorityKey: PRIORITY.webhook, fairnessKey: venueId },
    },
  ] as const;
}
