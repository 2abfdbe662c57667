import { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { ProviderId } from '../../contracts/providers.ts';
import type { AccessCheckStore } from '../../db/connections/access-check-store.ts';
import type { AccountConnections } from '../../db/connections/account-connections.ts';
import type { WebhookDeliveryStore } from '../../db/webhooks/webhook-delivery-store.ts';
import { cleanDeep } from '../../domain/reference/foreign-text.ts';
import { VenueShares } from '../../domain/limits/venue-shares.ts';
import type { WebhookEffect, WebhookReader } from '../../providers/kit/webhook-definition.ts';
import type { Providers } from '../../providers/providers.ts';
import { watchPool } from '../../telemetry/metrics.ts';
import { ApiError } from '../errors/api-error.ts';
import { readSentBytes } from '../http/body.ts';
import type { AccountConnection, ConnectionGateway } from '../temporal/connection-gateway.ts';
import { decodeJson } from '../http/json.ts';
import type { Log } from '../http/log.ts';
import type { ProblemCode } from '../errors/problems.ts';
import { contextOf, noteLimit } from '../http/request-context.ts';
import { createCoalescer } from './coalescer.ts';

export interface WebhookDeps {
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly providers: Pick<Providers, 'ids' | 'webhooks'>;
  readonly accountConnections: AccountConnections;
  readonly accessChecks: Pick<AccessCheckStore, 'readUnsignalled' | 'noteSignalled'>;
  readonly deliveries: Pick<WebhookDeliveryStore, 'isKnown' | 'remember'>;
  readonly connectionGateway: Pick<ConnectionGateway, 'accessRevoked'>;
  readonly log: Log;
}

export const WEBHOOK_PATH = '/webhooks/{provider}';

/** Problem codes of webhook deliveries, for the OpenAPI document. */
export const WEBHOOK_PROBLEM_CODES = [
  'invalid-request',
  'malformed-json',
  'invalid-encoding',
  'too-deeply-nested',
  'too-many-values',
  'webhook-not-signed',
  'webhook-not-found',
  'body-too-large',
  'malformed-request',
  'request-timeout',
  'unsupported-media-type',
  'internal',
  'too-many-deliveries',
  'database-unavailable',
  'database-busy',
  'temporal-refused',
  'temporal-unavailable',
] as const satisfies readonly ProblemCode[];

export const webhookAnswer = z.object({ received: z.literal(true) }).meta({ id: 'WebhookTaken' });

/**
 * Short, because providers send from nearby and all at once, and want a quick answer: https://docs.stripe.com/webhooks
 * (read 2026-11-21).
 */
const PATIENCE_MS = 3_000;
/**
 * Each delivery holds a body in memory, a query to Postgres and signals to Temporal. Providers send a refused one
 * again.
 */
const MAX_AT_WORK = 60;
const MAX_AT_WORK_OF_A_PROVIDER = 40;
const RETRY_AFTER_MS = 2_000;

/** The part of a provider's event type that may be logged. */
const TYPE = /^[a-z0-9._]{1,100}$/;

/**
 * Where providers send events. Needs no token and has no rate limit: the signature is checked before anything is
 * parsed. An event is answered 200 once nothing of it can be lost; any other answer makes the provider send it again.
 */
export function webhookRouter(deps: WebhookDeps): Router {
  const router = Router({ strict: true, caseSensitive: true });
  const route = router.route(WEBHOOK_PATH.replace(/\{(\w+)\}/g, ':$1'));
  route.all((req, res, next) => {
    contextOf(req).route = WEBHOOK_PATH;
    if (shakeHands(deps.providers, req, res)) return;
    if (req.method !== 'POST')
      throw new ApiError('method-not-allowed', 'This path takes POST.', { headers: { Allow: 'POST' } });
    next();
  });
  route.post(webhookHandler(deps));
  return router;
}

/** Answers a provider's handshake. Returns false for any other request. */
function shakeHands({ webhooks }: WebhookDeps['providers'], req: Request, res: Response): boolean {
  const { method } = req;
  if (method !== 'GET' && method !== 'POST') return false;
  const { searchParams: query } = new URL(req.url, 'http://webhooks');
  const answer = webhooks(String(req.params['provider']))?.handshake({
    method,
    query,
    header: (name) => req.get(name),
  });
  if (!answer) return false;
  res.status(answer.status).set({ 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(answer.body);
  return true;
}

function webhookHandler(deps: WebhookDeps): RequestHandler {
  const shares = new VenueShares<ProviderId>({ total: MAX_AT_WORK, perVenue: MAX_AT_WORK_OF_A_PROVIDER });
  watchPool('webhook-deliveries', shares);
  const passOn = createSignaller(deps);
  return async (req, res) => {
    const { provider, reader } = receiverOf(deps.providers, String(req.params['provider']));
    if (!reader.isSigned((name) => req.get(name))) throw notSigned();
    const release = shares.tryTake(provider);
    if (!release)
      throw new ApiError('too-many-deliveries', 'As many events as this process takes are at work.', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    try {
      await take({ ...deps, passOn }, { req, provider, reader });
    } finally {
      release();
    }
    res.set('Cache-Control', 'no-store').json({ received: true } satisfies z.output<typeof webhookAnswer>);
  };
}

interface Delivery {
  readonly req: Request;
  readonly provider: ProviderId;
  readonly reader: WebhookReader;
}

async function take(
  deps: WebhookDeps & { readonly passOn: PassOn },
  { req, provider, reader }: Delivery,
): Promise<void> {
  const { id, type, effect } = await readEvent(reader, { req, url: `${deps.publicUrl}/webhooks/${provider}` });
  const { requestId } = contextOf(req);
  if (effect.kind === 'ignored') {
    deps.log.debug(
      { requestId, provider, type: TYPE.test(type) ? type : null },
      'an event of a type that nothing is done with',
    );
    return;
  }
  const delivery = id === null ? null : { provider, eventId: id };
  if (delivery && (await deps.deliveries.isKnown(delivery))) {
    noteLimit(req, 'webhook-repeated');
    deps.log.info({ requestId, provider }, 'an event that has had its effect was sent again');
    return;
  }
  const connections = await deps.passOn(provider, effect);
  if (delivery) await deps.deliveries.remember(delivery);
  deps.log.info({ requestId, provider, connections }, 'a provider has sent word that an access was taken back');
}

const notSigned = (): ApiError =>
  new ApiError('webhook-not-signed', 'The signature is missing, too old, or not of this body.', {
    headers: { 'WWW-Authenticate': 'Signature realm="webhooks"' },
  });

function receiverOf(
  providers: WebhookDeps['providers'],
  name: string,
): { readonly provider: ProviderId; readonly reader: WebhookReader } {
  const setup = providers.webhooks(name);
  if (setup?.reader) return { provider: setup.provider, reader: setup.reader };
  if (setup)
    throw new ApiError(
      'webhook-not-found',
      `Webhooks of ${setup.provider} are not set up here: set ${setup.variable}.`,
    );
  const known = providers.ids.includes(name);
  throw new ApiError(
    'webhook-not-found',
    known ? `${name} sends no event that this service takes.` : 'No such provider.',
  );
}

async function readEvent(reader: WebhookReader, { req, url }: { readonly req: Request; readonly url: string }) {
  const body = await readSentBytes(req, PATIENCE_MS);
  const header = (name: string) => req.get(name);
  if (!reader.isGenuine({ body, header, url })) throw notSigned();
  // Cleaned like all text from a provider, because Postgres is searched for the account that it names.
  const event = reader.read(cleanDeep(decodeJson(body)));
  if (!event) throw new ApiError('invalid-request', 'This is not an event in the provider’s shape.');
  return event;
}

type Revocation = Extract<WebhookEffect, { readonly kind: 'revoked' }>;
/** Returns the number of connections that the revocation concerns. */
type PassOn = (provider: ProviderId, revocation: Revocation) => Promise<number>;

/**
 * Has the owner of every connection to the account check its grant. When it resolves, a signal for each is in Temporal that the owner has yet to act on:
 * one that waits there already serves any number of words. Two signals do no harm, so a delivery whose every second signal failed is simply sent again.
 */
function createSignaller({ accountConnections, accessChecks, connectionGateway }: WebhookDeps): PassOn {
  const coalesce = createCoalescer();
  const signal = async (connection: AccountConnection): Promise<void> => {
    const checks = await accessChecks.readUnsignalled(connection);
    if (checks === null) return;
    await connectionGateway.accessRevoked(connection);
    await accessChecks.noteSignalled(connection, checks);
  };
  return async (provider, { environment, externalAccountId }) => {
    const connections = await accountConnections.findGranted({ provider, environment, externalAccountId });
    await Promise.all(
      connections.map(({ venueId, connectionId }) =>
        coalesce(connectionId, () => signal({ venueId, connectionId, provider })),
      ),
    );
    return connections.length;
  };
}
