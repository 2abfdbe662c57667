import type { DeliveryListStore } from '../../../db/outgoing/delivery-list-store.ts';
import type { SubscriptionStore } from '../../../db/outgoing/subscription-store.ts';
import type { SubscriptionRef } from '../../../contracts/ids.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  deliveryAnswer,
  deliveryListQuery,
  presentDelivery,
  resendBody,
  resentAnswer,
} from '../../schemas/subscription.ts';
import { found, targeting } from './subscription-routes.ts';

export interface DeliveryRouteDeps {
  readonly subscriptions: Pick<SubscriptionStore, 'find'>;
  readonly deliveries: DeliveryListStore;
  readonly audit: AuditTrail;
}

const COLLECTION = '/v1/venues/{venueId}/subscriptions/{subscriptionId}/deliveries';
const ITEM = `${COLLECTION}/{messageId}` as const;

/** Messages resent by one request. */
const MOST_RESENT = 1_000;

/** The messages that a subscription is sent. */
export function deliveryRoutes(deps: DeliveryRouteDeps): Endpoint[] {
  // The bulk path comes before that of one message, which would match it.
  return [listRoute(deps), resendManyRoute(deps), getRoute(deps), resendRoute(deps)];
}

function listRoute({ subscriptions, deliveries }: DeliveryRouteDeps): Endpoint {
  return endpoint({
    name: 'listDeliveries',
    summary: 'List what a subscription was sent and is about to be sent, newest first',
    tag: 'Subscriptions',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: deliveryListQuery,
    answers: { 200: { description: 'A page of deliveries.', schema: pageOf('Delivery', deliveryAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids, query: { limit, cursor, ...filter }, path }) {
      found(await subscriptions.find(ids));
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await deliveries.list(ids, { filter, page: { limit, after: readCursor(cursor, list) } });
      return toPageAnswer(page, list, presentDelivery);
    },
  });
}

function getRoute({ deliveries }: DeliveryRouteDeps): Endpoint {
  return endpoint({
    name: 'getDelivery',
    summary: 'Read how far a message has come',
    tag: 'Subscriptions',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The delivery.', schema: deliveryAnswer } },
    async handle({ ids }) {
      const delivery = await deliveries.find(ids, ids.messageId);
      if (!delivery) throw notFound('delivery-not-found');
      return { status: 200, body: presentDelivery(delivery) };
    },
  });
}

function resendRoute({ subscriptions, deliveries, audit }: DeliveryRouteDeps): Endpoint {
  return endpoint({
    name: 'resendDelivery',
    summary: 'Have a message sent again',
    description: 'With the same `webhook-id`, whatever its state is, from the first attempt on.',
    tag: 'Subscriptions',
    method: 'post',
    path: `${ITEM}/resend`,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    answers: { 202: { description: 'It is sent again.', schema: deliveryAnswer } },
    problems: ['subscription-disabled'],
    async handle({ ids, caller, requestId }) {
      await requireEnabled(subscriptions, ids);
      const delivery = await deliveries.resend(ids, ids.messageId, (resent) =>
        resent === 0
          ? null
          : audit.entry({ caller, requestId }, ids.venueId, {
              ...{ action: 'delivery.resent', targetType: 'delivery', targetId: ids.messageId },
              details: { subscriptionId: ids.subscriptionId },
            }),
      );
      if (!delivery) throw notFound('delivery-not-found');
      return { status: 202, body: presentDelivery(delivery) };
    },
  });
}

function resendManyRoute({ subscriptions, deliveries, audit }: DeliveryRouteDeps): Endpoint {
  return endpoint({
    name: 'resendDeliveries',
    summary: 'Have many messages sent again',
    description: 'Those of a filter: all that have failed, unless it says otherwise. Up to 1,000 a request.',
    tag: 'Subscriptions',
    method: 'post',
    path: `${COLLECTION}/resend`,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    body: resendBody,
    bodyOptional: true,
    answers: { 202: { description: 'They are sent again.', schema: resentAnswer } },
    problems: ['subscription-disabled'],
    async handle({ ids, body: filter, caller, requestId }) {
      await requireEnabled(subscriptions, ids);
      const resent = await deliveries.resendMany(ids, { filter, limit: MOST_RESENT }, (count) =>
        audit.entry({ caller, requestId }, ids.venueId, {
          ...targeting(ids, 'deliveries.resent'),
          details: { resent: count },
        }),
      );
      return { status: 202, body: { resent, more: resent === MOST_RESENT } };
    },
  });
}

/** Throws `subscription-disabled`: nothing would be sent. */
async function requireEnabled(subscriptions: Pick<SubscriptionStore, 'find'>, ref: SubscriptionRef): Promise<void> {
  if (found(await subscriptions.find(ref)).state === 'enabled') return;
  throw new ApiError('subscription-disabled', 'The subscription is disabled: enable it first.');
}
