import { createHash } from 'node:crypto';
import { Router } from 'express';
import type { Request, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { ProviderId } from '../../contracts/providers.ts';
import type { InboxStore, ReceivedEvent } from '../../db/webhooks/inbox-store.ts';
import { inboxPartitionOf } from '../../domain/inbox/inbox-partition.ts';
import { cleanDeep } from '../../domain/reference/foreign-text.ts';
import { VenueShares } from '../../domain/limits/venue-shares.ts';
import type { WebhookEvent, WebhookReader } from '../../providers/kit/webhook-definition.ts';
import type { Providers } from '../../providers/providers.ts';
import { watchPool } from '../../telemetry/metrics.ts';
import { ApiError } from '../errors/api-error.ts';
import { readSentBytes } from '../http/body.ts';
import type { InboxGateway } from '../temporal/inbox-gateway.ts';
import { decodeJson } from '../http/json.ts';
import type { Log } from '../http/log.ts';
import type { ProblemCode } from '../errors/problems.ts';
import { contextOf, noteLimit } from '../http/request-context.ts';
import { createGroupedInbox } from './grouped-inbox.ts';
import type { KeepDelivery } from './grouped-inbox.ts';
import { createInboxWaker } from './inbox-waker.ts';
import type { WakeInbox } from './inbox-waker.ts';

export interface WebhookDeps {
  /** Without a trailing slash. */
  readonly publicUrl: string;
  readonly providers: Pick<Providers, 'ids' | 'webhooks'>;
  readonly inbox: Pick<InboxStore, 'keep' | 'markAwake' | 'markIdle'>;
  readonly inboxGateway: InboxGateway;
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
] as const satisfies readonly ProblemCode[];

export const webhookAnswer = z.object({ received: z.literal(true) }).meta({ id: 'WebhookTaken' });

/**
 * Short, because providers send from nearby and all at once, and want a quick answer: https://docs.stripe.com/webhooks
 * (read 2026-11-21).
 */
const PATIENCE_MS = 3_000;
/**
 * Deliveries at work in this process, each with its body in memory. Providers' events have a few KB, so there is room
 * for a burst of them; whoever sends a large body, or does not announce its size, shares fewer slots. Providers send a
 * refused one again.
 */
const SMALL_BYTES = 65_536;
const SMALL = { total: 1_000, perVenue: 600 };
const LARGE = { total: 60, perVenue: 40 };
const RETRY_AFTER_MS = 2_000;

/** The part of a provider's event type that may be logged. */
const TYPE = /^[a-z0-9._]{1,100}$/;

/**
 * Where providers send events. Needs no token and has no rate limit: the signature is checked before anything is
 * parsed. An event is answered 200 once it is committed to the inbox; any other answer makes the provider send it again.
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
  const small = new VenueShares<ProviderId>(SMALL);
  const large = new VenueShares<ProviderId>(LARGE);
  watchPool('webhook-deliveries', small);
  watchPool('large-webhook-deliveries', large);
  const wake = createInboxWaker(deps);
  const keep = createGroupedInbox(deps.inbox);
  return async (req, res) => {
    const { provider, reader } = receiverOf(deps.providers, String(req.params['provider']));
    if (!reader.isSigned((name) => req.get(name))) throw notSigned();
    const release = (isSmall(req) ? small : large).tryTake(provider);
    if (!release)
      throw new ApiError('too-many-deliveries', 'As many events as this process takes are at work.', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    try {
      await take({ log: deps.log, publicUrl: deps.publicUrl, wake, keep }, { req, provider, reader });
    } finally {
      release();
    }
    res.set('Cache-Control', 'no-store').json({ received: true } satisfies z.output<typeof webhookAnswer>);
  };
}

const isSmall = ({ headers }: Request): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= SMALL_BYTES;

interface TakingDeps extends Pick<WebhookDeps, 'log' | 'publicUrl'> {
  readonly wake: WakeInbox;
  readonly keep: KeepDelivery;
}

interface Delivery {
  readonly req: Request;
  readonly provider: ProviderId;
  readonly reader: WebhookReader;
}

/** Verifies a delivery and stores its events. What they mean is found out later, by the inbox's drainer. */
async function take(deps: TakingDeps, { req, ...from }: Delivery): Promise<void> {
  const { provider } = from;
  const events = await readEvents({ req, ...from }, `${deps.publicUrl}/webhooks/${provider}`);
  const isNew = await deps.keep(events).catch((cause: unknown) => {
    throw new ApiError('database-unavailable', 'The event could not be stored.', {
      cause,
      retryAfterMs: RETRY_AFTER_MS,
    });
  });
  const { requestId } = contextOf(req);
  const added = events.filter((_event, index) => isNew[index]);
  for (const { type } of added)
    deps.log.debug({ requestId, provider, type: TYPE.test(type) ? type : null }, 'an event was stored in the inbox');
  const repeated = events.length - added.length;
  if (repeated > 0) {
    noteLimit(req, 'webhook-repeated');
    deps.log.info({ requestId, provider, repeated }, 'events that are in the inbox already were sent again');
  }
  // Not awaited: the events are safe, and their provider waits for the answer.
  for (const partition of new Set(added.map((event) => event.partition))) void deps.wake(partition);
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

async function readEvents({ req, provider, reader }: Delivery, url: string): Promise<readonly ReceivedEvent[]> {
  const body = await readSentBytes(req, PATIENCE_MS);
  const header = (name: string) => req.get(name);
  if (!reader.isGenuine({ body, header, url })) throw notSigned();
  // Cleaned like all text from a provider, because Postgres rejects some of it.
  const events = reader.read(cleanDeep(decodeJson(body)));
  if (!events) throw new ApiError('invalid-request', 'This is not an event in the provider’s shape.');
  const headers = cleanDeep(reader.keptHeaders(header));
  return events.map((event) => receivedEvent({ provider, headers }, { ...event, body: event.body ?? body }));
}

function receivedEvent(
  about: Pick<ReceivedEvent, 'provider' | 'headers'>,
  { id, type, account, body }: WebhookEvent & Pick<ReceivedEvent, 'body'>,
): ReceivedEvent {
  const eventKey = id ?? `sha256:${createHash('sha256').update(body).digest('hex')}`;
  const ordered = account ? `${account.environment}/${account.externalAccountId}` : eventKey;
  const partition = inboxPartitionOf(about.provider, ordered);
  return { ...about, endpoint: 'app', eventKey, type, account, body, partition };
}
