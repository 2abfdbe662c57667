import { z } from 'zod';
import {
  DELIVERY_ERRORS,
  DELIVERY_STATES,
  DISABLED_REASONS,
  OUTGOING_EVENT_TYPES,
  SUBSCRIPTION_STATES,
} from '../../contracts/outgoing-webhooks.ts';
import type { SampleResult } from '../../contracts/outgoing-webhooks.ts';
import type { Delivery } from '../../db/outgoing/delivery-list-store.ts';
import type { Subscription } from '../../db/outgoing/subscription-store.ts';
import type { ReceiverUrlCheck } from '../subscriptions/receiver-url.ts';
import { instant, orNull, paging, timestamp } from './common.ts';

const MAX_URL_LENGTH = 2_000;
const MAX_DESCRIPTION_LENGTH = 500;

const eventType = z
  .enum(OUTGOING_EVENT_TYPES)
  .meta({ id: 'OutgoingEventType', description: 'Type of an event of this service: `docs/outgoing-webhooks`.' });

const subscriptionState = z.enum(SUBSCRIPTION_STATES).meta({ id: 'SubscriptionState' });
const disabledReason = z.enum(DISABLED_REASONS).meta({ id: 'SubscriptionDisabledReason' });
const deliveryError = z.enum(DELIVERY_ERRORS).meta({ id: 'DeliveryError', description: 'Why an attempt failed.' });

const url = z.string().min(1, { abort: true }).max(MAX_URL_LENGTH, { abort: true }).meta({
  description:
    'Where messages are posted to: an https URL without user, password and fragment, whose name leads to public addresses only. Redirects are not followed.',
  example: 'https://backend.example.com/interlock',
});
const types = z
  .array(eventType)
  .min(1)
  .max(OUTGOING_EVENT_TYPES.length)
  .nullable()
  .transform((all) => all && [...new Set(all)])
  .meta({ description: 'The types that are sent; null for all, also those of later versions.' });
const description = z.string().min(1).max(MAX_DESCRIPTION_LENGTH).nullable();

/** With the rules that depend on how the service is set up, so that an answer names their breach with all other errors. */
const checkedBy = (check: ReceiverUrlCheck) =>
  url.superRefine((text, context) => {
    const message = check(text);
    if (message !== null) context.addIssue({ code: 'custom', message });
  });

export const subscriptionBodyWith = (check: ReceiverUrlCheck) => subscriptionBody.extend({ url: checkedBy(check) });

export const subscriptionBody = z.strictObject({
  url,
  types: types.default(null),
  description: description.default(null),
});

const changes = z.strictObject({
  url: url.optional(),
  types: types.optional(),
  description: description.optional(),
  enabled: z.boolean().optional().meta({
    description:
      'False: nothing more is sent, and what happens meanwhile is not kept for later. True: events are sent from now on.',
  }),
});

const isChange = (change: object) => Object.values(change).some((value) => value !== undefined);
const NO_CHANGE = 'Must change something';

export const subscriptionChange = changes.refine(isChange, NO_CHANGE);

export const subscriptionChangeWith = (check: ReceiverUrlCheck) =>
  changes.extend({ url: checkedBy(check).optional() }).refine(isChange, NO_CHANGE);

export const rotateSecretBody = z.strictObject({
  overlapSeconds: z
    .int()
    .min(0)
    .max(7 * 86_400)
    .default(86_400)
    .meta({ description: 'For how long the secret before signs too, so that receivers can change over.' }),
});

export const subscriptionAnswer = z
  .object({
    id: z.uuid(),
    url: z.string(),
    types: z.array(eventType).nullable().meta({ description: 'Null: all.' }),
    description: z.string().nullable(),
    state: subscriptionState,
    disabledReason: orNull(disabledReason).meta({
      description:
        '`requested` by a person; `gone`: the receiver has answered 410; `failing`: it has accepted nothing for three days.',
    }),
    disabledAt: timestamp.nullable(),
    failingSince: timestamp
      .nullable()
      .meta({ description: 'Since when every attempt has failed; null after a success.' }),
    restsUntil: timestamp
      .nullable()
      .meta({ description: 'The receiver’s `Retry-After`, an hour at most: nothing is sent before.' }),
    createdAt: timestamp,
    updatedAt: timestamp,
  })
  .meta({ id: 'Subscription' });

const secret = z.string().meta({
  description: 'Verifies signatures by Standard Webhooks. It is not shown again.',
  example: 'whsec_…',
});

export const createdSubscriptionAnswer = subscriptionAnswer.extend({ secret }).meta({ id: 'CreatedSubscription' });

export const rotatedSecretAnswer = z
  .object({
    secret,
    previousExpiresAt: timestamp.meta({ description: 'Until then the secret before signs too.' }),
  })
  .meta({ id: 'RotatedSecret' });

export const subscriptionListQuery = z.strictObject({ ...paging });

const deliveryState = z.enum(DELIVERY_STATES);

export const deliveryListQuery = z.strictObject({
  state: deliveryState.optional(),
  type: eventType.optional(),
  ...paging,
});

export const deliveryAnswer = z
  .object({
    id: z.uuid().meta({ description: 'Of the message: the header `webhook-id`, the same for every attempt.' }),
    type: eventType,
    occurredAt: timestamp.meta({ description: 'When it happened; of a digest, when the first of its events did.' }),
    data: z.record(z.string(), z.unknown()).meta({ description: '`data` of the message.' }),
    state: deliveryState,
    attempts: z.int().meta({ description: 'Since it happened or was resent.' }),
    lastStatus: z
      .int()
      .nullable()
      .meta({ description: 'Of the receiver’s last answer; null when it has not answered.' }),
    lastError: orNull(deliveryError),
    lastAttemptAt: timestamp.nullable(),
    nextAttemptAt: timestamp.nullable(),
  })
  .meta({ id: 'Delivery' });

export const resendBody = z.strictObject({
  state: deliveryState.default('failed'),
  type: eventType.optional(),
  from: instant.optional().meta({ description: 'When it happened, inclusive.' }),
  to: instant.optional().meta({ description: 'Exclusive.' }),
});

export const resentAnswer = z
  .object({
    resent: z.int().meta({ description: 'Messages that are sent again, the oldest first, at most 1,000.' }),
    more: z.boolean().meta({ description: 'There may be more: ask again.' }),
  })
  .meta({ id: 'ResentDeliveries' });

export const sampleAnswer = z
  .object({
    id: z.uuid().meta({ description: 'The sample’s `webhook-id`.' }),
    delivered: z.boolean().meta({ description: 'The receiver has answered with a status of 2xx.' }),
    status: z.int().nullable().meta({ description: 'The receiver’s answer; null when there was none.' }),
    error: orNull(deliveryError),
    durationMs: z.int(),
  })
  .meta({ id: 'SampleResult' });

const text = (at: Date | null): string | null => at?.toISOString() ?? null;

export function presentSubscription(subscription: Subscription): z.input<typeof subscriptionAnswer> {
  const { id, types: told, description: about, state, createdAt, updatedAt } = subscription;
  return {
    ...{ id, url: subscription.url, types: told && [...told], description: about, state },
    disabledReason: subscription.disabledReason,
    disabledAt: text(subscription.disabledAt),
    failingSince: text(subscription.failingSince),
    restsUntil: text(subscription.restsUntil),
    createdAt: createdAt.toISOString(),
    updatedAt: updatedAt.toISOString(),
  };
}

export function presentDelivery(delivery: Delivery): z.input<typeof deliveryAnswer> {
  const { id, type, occurredAt, data, state, attempts, lastStatus, lastError, lastAttemptAt, nextAttemptAt } = delivery;
  return {
    ...{ id, type, data: { ...data }, state, attempts, lastStatus, lastError },
    occurredAt: occurredAt.toISOString(),
    lastAttemptAt: text(lastAttemptAt),
    nextAttemptAt: text(nextAttemptAt),
  };
}

export function presentSample({
  messageId,
  delivered,
  status,
  error,
  durationMs,
}: SampleResult): z.input<typeof sampleAnswer> {
  return { id: messageId, delivered, status, error, durationMs };
}
