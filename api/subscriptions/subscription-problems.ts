import type { Problem } from '../errors/service-problems.ts';

/** Problems of subscriptions to the service's own events. */
export const SUBSCRIPTION_PROBLEMS = {
  'subscription-not-found': {
    status: 404,
    title: 'No such subscription',
    meaning: 'The venue has no subscription with this id.',
    remedy: 'List the subscriptions of the venue.',
  },
  'delivery-not-found': {
    status: 404,
    title: 'No such delivery',
    meaning: 'The subscription was sent no message with this id, or the message is older than messages are kept.',
    remedy: 'List the deliveries of the subscription.',
  },
  'subscription-disabled': {
    status: 409,
    title: 'The subscription is disabled',
    meaning: 'Nothing is sent to a disabled subscription. `disabledReason` of the subscription says why it is so.',
    remedy: 'Mend the receiver, try it with `POST …/test`, and enable the subscription with PATCH.',
  },
  'subscription-limit-reached': {
    status: 409,
    title: 'The venue has as many subscriptions as it may have',
    meaning: 'One more would be more than `MAX_SUBSCRIPTIONS_PER_VENUE`. Disabled ones count.',
    remedy: 'Delete one that is not needed, or have the limit raised (docs/operations/limits.md).',
  },
} as const satisfies Record<string, Problem>;
