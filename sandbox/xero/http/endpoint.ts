import { createHash, randomUUID } from 'node:crypto';
import type { Answer } from '../../core/answer.ts';
import { json, jsonOf, Refusal } from '../../oauth/exchange.ts';
import type { Reply, Route, Visit } from '../../oauth/exchange.ts';
import { connectionsOf } from '../connections.ts';
import { badRequest, notConnected, notFound, scopeMissing } from '../errors.ts';
import { withAccounts } from '../state/chart-of-accounts.ts';
import { dateOf } from '../state/xero-state.ts';
import type { Organisation, WireObject, XeroState } from '../state/xero-state.ts';
import { callerOf } from '../tokens.ts';

/** A request whose sender is known and may make it. */
export interface OrganisationRequest {
  readonly organisation: Organisation;
  readonly visit: Visit;
  /** The part of the path behind the collection, decoded; empty for the collection itself. */
  readonly rest: string;
}

export type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

export interface Endpoint {
  readonly method: Method;
  /** The collection’s name in paths. */
  readonly collection: string;
  /** Whether the path names one object. */
  readonly one: boolean;
  /** Any of these scopes opens it. */
  readonly scopes: readonly string[];
  /** Answers the body, or a whole reply. Throws a `Refusal` to refuse. */
  readonly run: (request: OrganisationRequest) => object | Reply;
}

const PATH = /^\/api\.xro\/2\.0\/([A-Za-z]+)(?:\/(.+))?$/;

/** Xero keeps a key for six minutes from the first call (https://developer.xero.com/documentation/guides/idempotent-requests/idempotency, 2026-11). */
const KEY_LIFE_MS = 6 * 60_000;
const LONGEST_KEY = 128;

/** The routes of all endpoints. The header `xero-tenant-id` names the organisation. */
export function routesOf(state: XeroState, endpoints: readonly Endpoint[]): readonly Route[] {
  return (['GET', 'PUT', 'POST', 'DELETE'] as const).map((method) => ({
    method,
    path: PATH,
    run(visit, collection): Reply {
      const [, , rest = ''] = PATH.exec(visit.path) ?? [];
      const endpoint = endpoints.find(
        (one) => one.method === method && one.collection === collection && one.one === (rest !== ''),
      );
      const organisation = organisationOf(state, visit, endpoint);
      if (!endpoint) return notFound();
      withAccounts(organisation);
      const before = state.revision;
      const reply = once({ organisation, visit, rest: decodeURIComponent(rest) }, endpoint);
      return { ...reply, written: state.revision !== before };
    },
  }));
}

/** The organisation that a request may use. Throws a `Refusal`. */
function organisationOf(state: XeroState, visit: Visit, endpoint: Endpoint | undefined): Organisation {
  const { token, grant } = callerOf(visit);
  const wanted = visit.headers['xero-tenant-id'];
  const found = connectionsOf(visit, grant.app).find(({ organisation }) => organisation.id === wanted);
  if (!found) throw notConnected();
  if (endpoint && !endpoint.scopes.some((scope) => token.scopes.includes(scope))) throw scopeMissing();
  const { id, name, details } = found.organisation;
  return { state, id, name, baseCurrency: details['baseCurrency'] ?? 'NZD', nowMs: visit.nowMs };
}

/** A repeated key is answered as before, or refused when the request is another one. */
function once(request: OrganisationRequest, endpoint: Endpoint): Reply {
  const { organisation, visit } = request;
  const { state, id, nowMs } = organisation;
  const key = visit.headers['idempotency-key'];
  if (typeof key !== 'string' || endpoint.method === 'GET') return replyTo(request, endpoint);
  if (key.length > LONGEST_KEY) throw badRequest('ValidationException', 'The Idempotency-Key is too long.');
  const digest = digestOf(visit);
  const kept = state.answerUnder(id, key);
  const answer = kept?.body as (Pick<Reply, 'status' | 'body' | 'headers'> & { readonly atMs: number }) | undefined;
  if (kept && answer && answer.atMs + KEY_LIFE_MS > nowMs) {
    if (kept.request !== digest)
      throw badRequest('ValidationException', 'The idempotency key was used with a different request.');
    return { status: answer.status, headers: answer.headers, body: answer.body, changes: [] };
  }
  const { status, headers, body, changes } = replyTo(request, endpoint);
  state.keepAnswer(id, key, { request: digest, body: { atMs: nowMs, status, headers, body } });
  return { status, headers, body, changes };
}

const digestOf = ({ method, path, query, body }: Visit): string =>
  createHash('sha256').update(`${method} ${path}?${query.toString()}\n${body}`).digest('hex');

/**
 * Keeps a 500 that a fault has put in place of the answer, because Xero keeps one under its key
 * (https://developer.xero.com/documentation/guides/idempotent-requests/idempotency, read 2026-11-29). A fault of another
 * status is not kept: the documentation does not tell of any.
 */
export function keepFailure(state: XeroState, visit: Visit, { status, headers, body }: Answer): void {
  const { 'idempotency-key': key, 'xero-tenant-id': tenant } = visit.headers;
  if (status !== 500 || visit.method === 'GET' || typeof key !== 'string' || typeof tenant !== 'string') return;
  state.keepAnswer(tenant, key, { request: digestOf(visit), body: { atMs: visit.nowMs, status, headers, body } });
}

function replyTo(request: OrganisationRequest, endpoint: Endpoint): Reply {
  let made: object;
  try {
    made = endpoint.run(request);
  } catch (error) {
    // Also a refusal is kept under the key.
    if (!(error instanceof Refusal)) throw error;
    return error.reply;
  }
  if ('status' in made && 'changes' in made) return made as Reply;
  return json(
    { Id: randomUUID(), Status: 'OK', ProviderName: 'Interlock', DateTimeUTC: dateOf(request.visit.nowMs), ...made },
    { headers: { 'content-type': 'application/json; charset=utf-8' } },
  );
}

/** The elements of a written collection: under its name, or a single one as the body itself. Throws a `Refusal`. */
export function elementsOf({ visit }: Pick<OrganisationRequest, 'visit'>, collection: string): readonly WireObject[] {
  const body = jsonOf(visit);
  if (body === null) throw badRequest('PostDataInvalidException', 'JSON for post data was invalid');
  const listed = body[collection];
  return Array.isArray(listed) ? (listed as readonly WireObject[]) : [body];
}
