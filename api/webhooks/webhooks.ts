import { hash } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { z } from 'zod';
import type { ProviderId } from '../../contracts/providers.ts';
import type { InboxStore, ReceivedEvent } from '../../db/webhooks/inbox-store.ts';
import { accountPartitionOf, inboxPartitionOf } from '../../domain/inbox/inbox-partition.ts';
import { cleanDeep } from '../../domain/reference/foreign-text.ts';
import { VenueShares } from '../../domain/limits/venue-shares.ts';
import type { WebhookEvent } from '../../providers/kit/webhook-definition.ts';
import type { Providers } from '../../providers/providers.ts';
import { watchPool } from '../../telemetry/metrics.ts';
import { noteWebhookReceived, watchWebhooks } from '../../telemetry/provider-metrics.ts';
import { ApiError } from '../errors/api-error.ts';
import type { AnswerError } from '../errors/error-handler.ts';
import { readSentBytes } from '../http/body.ts';
import { queryTextOf } from '../http/query.ts';
import type { InboxGateway } from '../temporal/inbox-gateway.ts';
import { decodeJson } from '../http/json.ts';
import type { Log } from '../http/log.ts';
import type { ProblemCode } from '../errors/problems.ts';
import { contextOf, noteLimit } from '../http/request-context.ts';
import type { Middleware } from '../http/request-context.ts';
import { createGroupedInbox, STORE_EVERY_MS } from './grouped-inbox.ts';
import type { KeepDelivery } from './grouped-inbox.ts';
import { decodeForm } from './form.ts';
import { createInboxWaker } from './inbox-waker.ts';
import type { WakeInbox } from './inbox-waker.ts';
import { destinationOf, UNAVAILABLE_RETRY_MS } from './receivers.ts';
import type { Address, Destination, Receiver, ReceiverDeps } from './receivers.ts';

export interface WebhookDeps extends ReceiverDeps {
  readonly inbox: Pick<InboxStore, 'keep' | 'markAwake' | 'markIdle'>;
  readonly inboxGateway: InboxGateway;
  readonly log: Log;
  /** Done for every request before anything else. */
  readonly begin: Middleware;
  readonly answerError: AnswerError;
}

/** Takes requests ahead of Express. */
export interface WebhookFront {
  /** In OpenAPI notation. Each takes POST. */
  readonly paths: readonly string[];
  /** Answers the request when it is for one of the paths. False: it is not, and nothing was done. */
  take(req: IncomingMessage, res: ServerResponse): boolean;
}

export const WEBHOOK_PATH = '/webhooks/{provider}';
/** The address of a connection's own. */
export const CONNECTION_WEBHOOK_PATH = '/webhooks/{provider}/{endpoint}';

/** Where one provider sends the events of all accounts to. */
export const webhookPathOf = (id: ProviderId): string => WEBHOOK_PATH.replace('{provider}', id);

/** Providers that take no body. */
export const answeredWithoutBody = (providers: Pick<Providers, 'ids' | 'webhooks'>): readonly ProviderId[] =>
  providers.ids.filter((id) => providers.webhooks(id)?.answersWithoutBody === true);

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
  'vault-unavailable',
] as const satisfies readonly ProblemCode[];

export const webhookAnswer = z.object({ received: z.literal(true) }).meta({ id: 'WebhookTaken' });
const TAKEN = JSON.stringify({ received: true } satisfies z.output<typeof webhookAnswer>);
const TAKEN_HEADERS = {
  'Content-Type': 'application/json; charset=utf-8',
  'Content-Length': Buffer.byteLength(TAKEN),
  'Cache-Control': 'no-store',
};
const WITHOUT_BODY = { 'Content-Length': 0, 'Cache-Control': 'no-store' };

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

/** The part of a provider's event type that may be logged. */
const TYPE = /^[a-z0-9._]{1,100}$/;

/**
 * Where providers send events. Needs no token and has no rate limit: the sender is verified before anything is parsed.
 * An event is answered 200 once it is committed to the inbox; any other answer makes the provider send it again.
 *
 * Written for Node's own server, because Express costs more than all of this together (docs/decisions/0094).
 */
export function createWebhookFront(deps: WebhookDeps): WebhookFront {
  const answer = createAnswer(deps);
  return {
    paths: [WEBHOOK_PATH, ...answeredWithoutBody(deps.providers).map(webhookPathOf), CONNECTION_WEBHOOK_PATH],
    take(req, res) {
      const ends = endsOf(req.url ?? '');
      if (!ends) return false;
      deps.begin(req, res, () => {
        contextOf(req).route = ends[1] === undefined ? WEBHOOK_PATH : CONNECTION_WEBHOOK_PATH;
        answer({ req, res, ends }).catch((error: unknown) => {
          deps.answerError(error, req, res);
        });
      });
      return true;
    },
  };
}

type Ends = readonly [provider: string, endpoint: string | undefined];

/** The ends of a request target that is one of the paths, still percent-encoded. */
function endsOf(target: string): Ends | null {
  const [, provider, endpoint] = TARGET.exec(target) ?? [];
  return provider === undefined ? null : [provider, endpoint];
}
/** In origin form, or with the origin before it, which a server accepts too (RFC 9112 section 3.2.2). */
const TARGET = /^(?:https?:\/\/[^/?#]*)?\/webhooks\/([^/?#]+)(?:\/([^/?#]+))?(?:[?#]|$)/;

interface Exchange {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
  readonly ends: Ends;
}

function createAnswer(deps: WebhookDeps): (exchange: Exchange) => Promise<void> {
  const receive = createReceiving(deps);
  return async ({ req, res, ends: [provider, endpoint] }) => {
    const address = { provider: decoded(provider), path: endpoint === undefined ? null : decoded(endpoint) };
    if (await shakeHands(deps, { req, res, address })) return;
    if (req.method !== 'POST') {
      const allowed = deps.providers.webhooks(address.provider)?.handshake ? 'GET, HEAD, POST' : 'POST';
      throw new ApiError('method-not-allowed', `This path takes ${allowed}.`, { headers: { Allow: allowed } });
    }
    const context = contextOf(req);
    context.isWithoutBody = deps.providers.webhooks(address.provider)?.answersWithoutBody ?? false;
    await receive(req, address);
    if (context.isWithoutBody) res.writeHead(200, WITHOUT_BODY).end();
    else res.writeHead(200, TAKEN_HEADERS).end(TAKEN, 'latin1');
  };
}

/** Throws URIError, like Express, for what is not percent-encoding. */
const decoded = (end: string): string => (end.includes('%') ? decodeURIComponent(end) : end);

const headerOf =
  ({ headers }: IncomingMessage) =>
  (name: string): string | undefined => {
    const value = headers[name];
    return typeof value === 'string' ? value : value?.join(', ');
  };

interface Arrival extends Omit<Exchange, 'ends'> {
  readonly address: Address;
}

/** HEAD counts as GET: Node leaves out the body of its answer. */
const methodOf = ({ method }: IncomingMessage) => (method === 'HEAD' ? 'GET' : method);

/** Answers a provider's handshake. Returns false for any other request. */
async function shakeHands(deps: WebhookDeps, { req, res, address }: Arrival): Promise<boolean> {
  const method = methodOf(req);
  const setup = deps.providers.webhooks(address.provider);
  if (!setup?.handshake || (method !== 'GET' && method !== 'POST')) return false;
  const query = new URLSearchParams(queryTextOf(req.url ?? ''));
  const answer = setup.handshake({ method, query, header: headerOf(req) });
  if (!answer) return false;
  // An address of a connection's own is a secret, so only one that exists is confirmed.
  if (address.path !== null || setup.variable === null) {
    const { refusal } = await destinationOf(deps, address).receiver();
    if (refusal) throw refusal;
  }
  res.writeHead(answer.status, { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' });
  res.end(answer.body);
  return true;
}

function createReceiving(deps: WebhookDeps): (req: IncomingMessage, address: Address) => Promise<void> {
  const small = new VenueShares<ProviderId>(SMALL);
  const large = new VenueShares<ProviderId>(LARGE);
  watchPool('webhook-deliveries', small);
  watchPool('large-webhook-deliveries', large);
  watchWebhooks(deps.providers.ids.filter((provider) => deps.providers.webhooks(provider) !== null));
  const wake = createInboxWaker(deps);
  const keep = createGroupedInbox(deps.inbox, undefined, STORE_EVERY_MS);
  return async (req, address) => {
    const destination = destinationOf(deps, address);
    contextOf(req).provider = destination.provider;
    if (!destination.isSigned(headerOf(req))) throw notSigned();
    const release = (isSmall(req) ? small : large).tryTake(destination.provider);
    if (!release)
      throw new ApiError('too-many-deliveries', 'As many events as this process takes are at work.', {
        retryAfterMs: UNAVAILABLE_RETRY_MS,
      });
    try {
      await take({ log: deps.log, wake, keep }, req, destination);
    } finally {
      release();
    }
  };
}

const isSmall = ({ headers }: IncomingMessage): boolean =>
  headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) <= SMALL_BYTES;

interface TakingDeps extends Pick<WebhookDeps, 'log'> {
  readonly wake: WakeInbox;
  readonly keep: KeepDelivery;
}

/** Verifies a delivery and stores its events. What they mean is found out later, by the inbox's drainer. */
async function take(
  { log, wake, keep }: TakingDeps,
  req: IncomingMessage,
  { provider, receiver }: Destination,
): Promise<void> {
  const events = await readEvents(req, provider, await receiver());
  const isNew = await keep(events).catch((cause: unknown) => {
    throw new ApiError('database-unavailable', 'The event could not be stored.', {
      cause,
      retryAfterMs: UNAVAILABLE_RETRY_MS,
    });
  });
  noteWebhookReceived(provider);
  const { requestId } = contextOf(req);
  const added = events.filter((_event, index) => isNew[index]);
  for (const { type } of added)
    log.debug({ requestId, provider, type: TYPE.test(type) ? type : null }, 'an event was stored in the inbox');
  const repeated = events.length - added.length;
  if (repeated > 0) {
    noteLimit(req, 'webhook-repeated');
    log.info({ requestId, provider, repeated }, 'events that are in the inbox already were sent again');
  }
  wake(added.map(({ partition }) => partition));
}

const notSigned = (): ApiError =>
  new ApiError('webhook-not-signed', 'The signature is missing, too old, or not of this body.', {
    headers: { 'WWW-Authenticate': 'Signature realm="webhooks"' },
  });

async function readEvents(
  req: IncomingMessage,
  provider: ProviderId,
  { endpoint, account, reader, url, refusal }: Receiver,
): Promise<readonly ReceivedEvent[]> {
  const body = await readSentBytes(req, PATIENCE_MS);
  const header = headerOf(req);
  const isGenuine = reader.isGenuine({ body, header, url });
  if (refusal) throw refusal;
  if (!isGenuine) throw notSigned();
  const events = reader.read(decode(reader, body));
  if (!events) throw new ApiError('invalid-request', 'This is not an event in the provider’s shape.');
  const headers = cleanDeep(reader.keptHeaders(header));
  return events.map((event) =>
    receivedEvent(
      { provider, endpoint, headers },
      { ...event, body: event.body ?? body, account: account ? ownAccount(account, event) : event.account },
    ),
  );
}

/** Cleaned like all text from a provider, because Postgres rejects some of it. */
function decode({ encoding }: Receiver['reader'], body: Buffer): unknown {
  if (encoding === 'form') return cleanDeep(decodeForm(body));
  const delivery = decodeJson(body);
  // Without an escape there is nothing to clean: what is not JSON or UTF-8 has been refused.
  return body.includes('\\u') ? cleanDeep(delivery) : delivery;
}

/** The connection's account, unless the event names another: whoever knows the address's secret could name any. */
const ownAccount = (own: NonNullable<ReceivedEvent['account']>, { account }: WebhookEvent): ReceivedEvent['account'] =>
  account === null || (account.externalAccountId === own.externalAccountId && account.environment === own.environment)
    ? own
    : null;

function receivedEvent(
  about: Pick<ReceivedEvent, 'provider' | 'endpoint' | 'headers'>,
  { id, type, account, body }: WebhookEvent & Pick<ReceivedEvent, 'body'>,
): ReceivedEvent {
  const eventKey = id ?? `sha256:${hash('sha256', body, 'hex')}`;
  const { provider } = about;
  const partition = account ? accountPartitionOf(provider, account) : inboxPartitionOf(provider, eventKey);
  return { ...about, eventKey, type, account, body, partition };
}
