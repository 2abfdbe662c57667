import { v7 as uuidv7 } from 'uuid';
import type { SubscriptionId, SubscriptionRef } from '../../../contracts/ids.ts';
import { VenueCapError } from '../../../db/core/venue-cap.ts';
import type { Subscription, SubscriptionStore } from '../../../db/outgoing/subscription-store.ts';
import type { Sealer } from '../../../vault/vault.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  createdSubscriptionAnswer,
  presentSample,
  presentSubscription,
  rotateSecretBody,
  rotatedSecretAnswer,
  sampleAnswer,
  subscriptionAnswer,
  subscriptionBody,
  subscriptionBodyWith,
  subscriptionChange,
  subscriptionChangeWith,
  subscriptionListQuery,
} from '../../schemas/subscription.ts';
import type { ReceiverUrlCheck } from '../../subscriptions/receiver-url.ts';
import { newSigningSecret } from '../../subscriptions/signing-secret.ts';
import type { SubscriptionGateway } from '../../temporal/subscription-gateway.ts';

export interface SubscriptionRouteDeps {
  readonly subscriptions: SubscriptionStore;
  readonly subscriptionGateway: SubscriptionGateway;
  readonly checkReceiverUrl: ReceiverUrlCheck;
  readonly sealer: Sealer;
  readonly audit: AuditTrail;
}

const COLLECTION = '/v1/venues/{venueId}/subscriptions';
const ITEM = `${COLLECTION}/{subscriptionId}` as const;

/** Subscriptions of a venue's backend to the service's own events. */
export function subscriptionRoutes(deps: SubscriptionRouteDeps): Endpoint[] {
  return [
    createRoute(deps),
    listRoute(deps),
    getRoute(deps),
    changeRoute(deps),
    deleteRoute(deps),
    rotateRoute(deps),
    testRoute(deps),
  ];
}

function createRoute({ subscriptions, checkReceiverUrl, sealer, audit }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'createSubscription',
    summary: 'Subscribe a URL to the service’s own events',
    description:
      'Messages are signed by Standard Webhooks with the `secret` of this answer, which is not shown again, and repeated for three days until the receiver answers 2xx. `docs/outgoing-webhooks` says how to verify one.',
    tag: 'Subscriptions',
    method: 'post',
    path: COLLECTION,
    role: 'admin',
    body: subscriptionBodyWith(checkReceiverUrl),
    bodyShown: subscriptionBody,
    idempotent: true,
    answers: {
      201: {
        description: 'Events are sent from now on.',
        schema: createdSubscriptionAnswer,
        location: 'The subscription.',
      },
    },
    problems: ['subscription-limit-reached', 'vault-unavailable'],
    async handle({ ids: { venueId }, body: { url, types, description }, caller, requestId }) {
      const ref = { venueId, subscriptionId: uuidv7() as SubscriptionId };
      const { secret, sealedSecret } = await newSigningSecret(sealer, ref);
      const entry = audit.entry({ caller, requestId }, venueId, targeting(ref, 'subscription.created'));
      const created = await withinCap(subscriptions.create({ ...ref, url, types, description, sealedSecret }, entry));
      return {
        status: 201,
        body: { ...presentSubscription(created), secret: secret.expose() },
        headers: { Location: `/v1/venues/${venueId}/subscriptions/${created.id}` },
      };
    },
  });
}

function listRoute({ subscriptions }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'listSubscriptions',
    summary: 'List subscriptions, newest first',
    tag: 'Subscriptions',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: subscriptionListQuery,
    answers: { 200: { description: 'A page of subscriptions.', schema: pageOf('Subscription', subscriptionAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor }, path }) {
      const list = { path, filters: {}, order: 'id' } as const;
      const page = await subscriptions.list(venueId, { limit, after: readCursor(cursor, list) });
      return toPageAnswer(page, list, presentSubscription);
    },
  });
}

function getRoute({ subscriptions }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'getSubscription',
    summary: 'Read a subscription',
    tag: 'Subscriptions',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The subscription.', schema: subscriptionAnswer } },
    async handle({ ids }) {
      return { status: 200, body: presentSubscription(found(await subscriptions.find(ids))) };
    },
  });
}

function changeRoute({ subscriptions, checkReceiverUrl, audit }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'changeSubscription',
    summary: 'Change, disable or enable a subscription',
    description:
      'A change holds from the next attempt on. Messages that are on their way when a subscription is disabled have failed, and can be resent once it is enabled.',
    tag: 'Subscriptions',
    method: 'patch',
    path: ITEM,
    role: 'admin',
    body: subscriptionChangeWith(checkReceiverUrl),
    bodyShown: subscriptionChange,
    answers: { 200: { description: 'The subscription as it is now.', schema: subscriptionAnswer } },
    async handle({ ids, body, caller, requestId }) {
      const details = { changed: Object.keys(body).sort().join(' ') };
      const action = { ...targeting(ids, actionOf(body.enabled)), details };
      const changed = await subscriptions.change(ids, body, audit.entry({ caller, requestId }, ids.venueId, action));
      return { status: 200, body: presentSubscription(found(changed)) };
    },
  });
}

function actionOf(enabled: boolean | undefined): string {
  if (enabled === undefined) return 'subscription.changed';
  return enabled ? 'subscription.enabled' : 'subscription.disabled';
}

function deleteRoute({ subscriptions, audit }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'deleteSubscription',
    summary: 'Delete a subscription',
    description: 'With its secrets and its deliveries. Messages that are on their way are not sent again.',
    tag: 'Subscriptions',
    method: 'delete',
    path: ITEM,
    role: 'admin',
    answers: { 200: { description: 'The subscription as it was.', schema: subscriptionAnswer } },
    async handle({ ids, caller, requestId }) {
      const subscription = found(await subscriptions.find(ids));
      const entry = audit.entry({ caller, requestId }, ids.venueId, targeting(ids, 'subscription.deleted'));
      if (!(await subscriptions.remove(ids, entry))) throw notFound('subscription-not-found');
      return { status: 200, body: presentSubscription(subscription) };
    },
  });
}

function rotateRoute({ subscriptions, sealer, audit }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'rotateSubscriptionSecret',
    summary: 'Roll the secret that signs a subscription’s messages',
    description:
      'Both secrets sign every message until the overlap is over, so that a receiver can change over at any time within it.',
    tag: 'Subscriptions',
    method: 'post',
    path: `${ITEM}/rotate-secret`,
    role: 'admin',
    body: rotateSecretBody,
    bodyOptional: true,
    idempotent: true,
    answers: { 200: { description: 'The new secret.', schema: rotatedSecretAnswer } },
    problems: ['vault-unavailable'],
    async handle({ ids, body: { overlapSeconds }, caller, requestId }) {
      found(await subscriptions.find(ids));
      const { secret, sealedSecret } = await newSigningSecret(sealer, ids);
      const entry = audit.entry({ caller, requestId }, ids.venueId, {
        ...targeting(ids, 'subscription.secret-rotated'),
        details: { overlapSeconds },
      });
      const rotated = await subscriptions.rotateSecret(ids, { sealedSecret, overlapSeconds }, entry);
      if (!rotated) throw notFound('subscription-not-found');
      return {
        status: 200,
        body: { secret: secret.expose(), previousExpiresAt: rotated.previousExpiresAt.toISOString() },
      };
    },
  });
}

function testRoute({ subscriptions, subscriptionGateway, audit }: SubscriptionRouteDeps): Endpoint {
  return endpoint({
    name: 'testSubscription',
    summary: 'Send a sample to a subscription’s URL now',
    description:
      'A message of type `webhook.test`, sent once and not listed. Takes up to half a minute. Also for a disabled subscription.',
    tag: 'Subscriptions',
    method: 'post',
    path: `${ITEM}/test`,
    role: 'operator',
    effort: 'connect',
    answers: { 200: { description: 'What the receiver made of it.', schema: sampleAnswer } },
    problems: ['temporal-unavailable', 'worker-unavailable'],
    async handle({ ids, caller, requestId }) {
      found(await subscriptions.find(ids));
      const result = await subscriptionGateway.test(ids);
      await audit.note({ caller, requestId }, ids.venueId, {
        ...targeting(ids, 'subscription.tested'),
        details: { delivered: result.delivered, status: result.status },
      });
      return { status: 200, body: presentSample(result) };
    },
  });
}

export const targeting = ({ subscriptionId }: SubscriptionRef, action: string) =>
  ({ action, targetType: 'subscription', targetId: subscriptionId }) as const;

export function found(subscription: Subscription | null): Subscription {
  if (!subscription) throw notFound('subscription-not-found');
  return subscription;
}

async function withinCap<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof VenueCapError)) throw error;
    throw new ApiError('subscription-limit-reached', `The venue has ${error.max} subscriptions, and may have no more.`);
  }
}
