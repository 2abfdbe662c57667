import { z } from 'zod';
import type { ConnectionRef, VenueId } from '../../../contracts/ids.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { NewConnecting } from '../../../db/connections/connection-actions-store.ts';
import type { ScheduleStore } from '../../../db/runs/schedule-store.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { AuditTrail, Actor } from '../../admin/audit-trail.ts';
import { connectByConsent } from '../../connections/authorize.ts';
import type { AuthorizingDeps, NewAuthorization } from '../../connections/authorize.ts';
import { connectWithKey, replaceKey } from '../../connections/connect.ts';
import type { ConnectingDeps, EnteredCredentials, KeyAudit } from '../../connections/connect.ts';
import { wrongNewConnection } from '../../connections/consent-wishes.ts';
import type { WishDeps } from '../../connections/consent-wishes.ts';
import { tellOwner } from '../../connections/connection-owner.ts';
import type { OwnerDeps } from '../../connections/connection-owner.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Answer, Endpoint } from '../../http/endpoint.ts';
import { notFound } from '../../errors/not-found.ts';
import { check } from '../../http/parse.ts';
import { pageOf, paging } from '../../schemas/common.ts';
import {
  connectionAnswer,
  connectionChangesBody,
  connectionDetailAnswer,
  newConnectionBody,
  presentAuthorization,
  presentConnection,
  presentConnectionDetail,
  startedAuthorizationAnswer,
} from '../../schemas/connection.ts';
import { wakeRunsOf } from '../../syncs/sync-actions.ts';
import type { WakingDeps } from '../../syncs/sync-actions.ts';

export interface ConnectionRouteDeps extends ConnectingDeps, AuthorizingDeps, OwnerDeps, WakingDeps {
  readonly returnUrls: WishDeps['returnUrls'];
  readonly connections: ConnectionStore;
  readonly schedules: ScheduleStore;
  readonly audit: AuditTrail;
}

const listQuery = z.strictObject(paging);

export function connectionRoutes(deps: ConnectionRouteDeps): Endpoint[] {
  return [createConnection(deps), listConnections(deps), getConnection(deps), changeConnection(deps)];
}

const ITEM = '/v1/venues/{venueId}/connections/{connectionId}';

/** Problems of every operation that tries a key at its provider. */
const KEY_PROBLEMS = [
  'credentials-refused',
  'credentials-insufficient',
  'environment-mismatch',
  'provider-not-supported',
  'provider-refused',
  'provider-unexpected-response',
  'provider-unreachable',
  'provider-unavailable',
  'provider-rate-limited',
] as const;

/** Problems of every operation that starts a consent. */
export const AUTHORIZING_PROBLEMS = ['provider-not-configured', 'temporal-unavailable', 'vault-unavailable'] as const;

function createConnection(deps: ConnectionRouteDeps): Endpoint {
  const bodies = newConnectionBody(deps.providers);
  return endpoint({
    name: 'createConnection',
    summary: 'Connect a provider, with a secret key or by its owner’s consent',
    description:
      'With `credentials` the key is tested at the provider before anything is stored; one for an account that is connected already replaces the old key (200), and runs that waited for it go on; a suspended connection stays suspended. Without, the connection is `connecting` until the account’s owner has opened `authorizationUrl` and approved. A repeat with the same `Idempotency-Key` gives the same `authorizationUrl`: after ten minutes that is spent, so another attempt takes another key.',
    tag: 'Connections',
    method: 'post',
    path: '/v1/venues/{venueId}/connections',
    role: 'admin',
    idempotent: true,
    effort: 'connect',
    body: bodies.shown,
    checkBody: (_ids, input) => Promise.resolve(check(bodies.for(input), input)),
    rules: (_ids, sent) => wrongNewConnection(deps, sent),
    answers: {
      // The schema with more fields comes first: a client that takes the first match would lose them.
      201: {
        description: 'Connected, or begun to.',
        schema: z.union([startedAuthorizationAnswer, connectionAnswer]),
        location: 'The connection.',
      },
      200: {
        description: 'The account was connected before; its key is replaced.',
        schema: connectionAnswer,
        location: 'The connection.',
      },
    },
    problems: [...KEY_PROBLEMS, 'connection-disconnecting', 'connection-limit-reached', ...AUTHORIZING_PROBLEMS],
    async handle({ ids: { venueId }, body: { credentials, ...wanted }, caller, requestId }) {
      const by = { caller, requestId };
      try {
        return credentials
          ? await enterKey(deps, { ...by, venueId }, { ...wanted, credentials })
          : await askForConsent(deps, { ...by, venueId }, wanted);
      } catch (error) {
        const auditEvent = {
          action: 'connection.refused',
          targetType: 'provider',
          targetId: wanted.provider,
          outcome: 'refused',
        } as const;
        const { provider, environment } = wanted;
        if (error instanceof ApiError)
          await deps.audit.note(by, venueId, { ...auditEvent, details: { provider, environment, code: error.code } });
        throw error;
      }
    },
  });
}

interface VenueActor extends Actor {
  readonly venueId: VenueId;
}

async function enterKey(
  deps: ConnectionRouteDeps,
  { venueId, ...by }: VenueActor,
  entered: EnteredCredentials,
): Promise<Answer> {
  const { provider, environment } = entered;
  const auditOf: KeyAudit = ({ id }, replaced) =>
    deps.audit.entry(by, venueId, {
      action: 'connection.connected',
      targetType: 'connection',
      targetId: id,
      details: { provider, environment, replaced },
    });
  const { connection, created } = await connectWithKey(deps, venueId, { ...entered, auditOf });
  if (!created) await goOnWith(deps, connection);
  return { status: created ? 201 : 200, body: presentConnection(connection), headers: locationOf(connection) };
}

/**
 * Has all that waited for a key go on with the new one. Before the answer, so that a caller without an answer repeats
 * the request and no run stays asleep because this process died in between.
 */
async function goOnWith(deps: ConnectionRouteDeps, { venueId, id: connectionId, provider }: Connection): Promise<void> {
  tellOwner(deps, { venueId, connectionId, provider });
  await wakeRunsOf(deps, { venueId, connectionId });
}

/** With an idempotency key the answer is stored with its URL, sealed so that only the holder of the key can read it. */
async function askForConsent(
  deps: ConnectionRouteDeps,
  { venueId, ...by }: VenueActor,
  wanted: Omit<NewAuthorization, 'requestedBy'>,
): Promise<Answer> {
  const auditOf = ({ provider, environment, flow, connectionId }: NewConnecting) =>
    deps.audit.entry(by, venueId, {
      action: 'connection.authorization-started',
      targetType: 'connection',
      targetId: connectionId,
      details: { provider, environment, flow },
    });
  const started = await connectByConsent(deps, venueId, { ...wanted, requestedBy: by.caller.subject, auditOf });
  return { status: 201, body: presentAuthorization(started), headers: locationOf(started.connection) };
}

const locationOf = ({ venueId, id }: Connection) => ({ Location: `/v1/venues/${venueId}/connections/${id}` });

function listConnections({ connections }: ConnectionRouteDeps): Endpoint {
  return endpoint({
    name: 'listConnections',
    summary: 'List connections',
    tag: 'Connections',
    method: 'get',
    path: '/v1/venues/{venueId}/connections',
    role: 'viewer',
    query: listQuery,
    answers: { 200: { description: 'A page of connections.', schema: pageOf('Connection', connectionAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor }, path }) {
      const list = { path, filters: {}, order: 'id' } as const;
      const page = await connections.list(venueId, { limit, after: readCursor(cursor, list) });
      return toPageAnswer(page, list, presentConnection);
    },
  });
}

function getConnection(deps: ConnectionRouteDeps): Endpoint {
  return endpoint({
    name: 'getConnection',
    summary: 'Read a connection',
    tag: 'Connections',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The connection.', schema: connectionDetailAnswer } },
    handle: async ({ ids }) => present(deps, await find(deps, ids)),
  });
}

function changeConnection(deps: ConnectionRouteDeps): Endpoint {
  const bodies = connectionChangesBody(deps.providers);
  return endpoint({
    name: 'changeConnection',
    summary: 'Replace the key of a connection',
    description:
      'The key is tested at the provider before anything is stored, and has to be of the connection’s own account and environment. The connection is `active` then, unless it is suspended, and runs that waited for a key go on. A connection by consent has no key: `POST …/reauthorize` asks its owner.',
    tag: 'Connections',
    method: 'patch',
    path: ITEM,
    role: 'admin',
    idempotent: true,
    effort: 'connect',
    body: bodies.shown,
    checkBody: async (ids, input) => check(bodies.for((await find(deps, ids)).provider), input),
    answers: { 200: { description: 'The connection as it is now.', schema: connectionDetailAnswer } },
    problems: [
      ...KEY_PROBLEMS,
      'wrong-account',
      'credentials-not-replaceable',
      'connection-not-reauthorizable',
      'vault-unavailable',
    ],
    async handle({ ids, body: { credentials }, caller, requestId }) {
      const replaced = await enterNewKey(
        deps,
        { caller, requestId },
        { connection: await find(deps, ids), credentials },
      );
      await goOnWith(deps, replaced);
      return present(deps, replaced);
    },
  });
}

async function enterNewKey(
  deps: ConnectionRouteDeps,
  by: Actor,
  { connection, credentials }: Pick<EnteredCredentials, 'credentials'> & { readonly connection: Connection },
): Promise<Connection> {
  const { id, venueId, provider, environment } = connection;
  const auditEvent = {
    ...{ action: 'connection.key-replaced', targetType: 'connection', targetId: id },
    details: { provider, environment },
  };
  try {
    return await replaceKey(deps, connection, {
      credentials,
      auditOf: () => deps.audit.entry(by, venueId, auditEvent),
    });
  } catch (error) {
    if (error instanceof ApiError)
      await deps.audit.note(by, venueId, {
        ...{ ...auditEvent, action: 'connection.refused', outcome: 'refused' },
        details: { provider, environment, code: error.code },
      });
    throw error;
  }
}

async function find({ connections }: ConnectionRouteDeps, ref: ConnectionRef): Promise<Connection> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  return connection;
}

async function present({ schedules, providers }: ConnectionRouteDeps, connection: Connection): Promise<Answer> {
  const { venueId, id: connectionId, provider } = connection;
  const fullPasses = await schedules.listFullPasses({ venueId, connectionId });
  const definition = providers.definition(provider);
  return { status: 200, body: presentConnectionDetail(connection, { fullPasses, definition }) };
}
