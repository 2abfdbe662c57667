import { z } from 'zod';
import type { VenueId } from '../../../contracts/ids.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { NewConnecting } from '../../../db/connections/connection-actions-store.ts';
import type { ScheduleStore } from '../../../db/runs/schedule-store.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { AuditTrail, Actor } from '../../admin/audit-trail.ts';
import { connectByConsent } from '../../connections/authorize.ts';
import type { AuthorizingDeps, NewAuthorization } from '../../connections/authorize.ts';
import { connectWithKey } from '../../connections/connect.ts';
import type { ConnectingDeps, EnteredCredentials, KeyAudit } from '../../connections/connect.ts';
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
  readonly connections: ConnectionStore;
  readonly schedules: ScheduleStore;
  readonly audit: AuditTrail;
}

const listQuery = z.strictObject(paging);

export function connectionRoutes(deps: ConnectionRouteDeps): Endpoint[] {
  return [createConnection(deps), listConnections(deps), getConnection(deps)];
}

/** Problems of every operation that starts a consent. */
export const AUTHORIZING_PROBLEMS = ['provider-not-configured', 'temporal-unavailable', 'vault-unavailable'] as const;

function createConnection(deps: ConnectionRouteDeps): Endpoint {
  const bodies = newConnectionBody(deps.providers);
  return endpoint({
    name: 'createConnection',
    summary: 'Connect a provider, with a secret key or by its owner’s consent',
    description:
      'With `credentials` the key is tested at the provider before anything is stored; one for an account that is connected already replaces the old key (200), and runs that waited for it go on. Without, the connection is `connecting` until the account’s owner has opened `authorizationUrl` and approved. A repeat with the same `Idempotency-Key` gives the same `authorizationUrl`: after ten minutes that is spent, so another attempt takes another key.',
    tag: 'Connections',
    method: 'post',
    path: '/v1/venues/{venueId}/connections',
    role: 'admin',
    idempotent: true,
    effort: 'connect',
    body: bodies.shown,
    checkBody: (_ids, input) => Promise.resolve(check(bodies.for(input), input)),
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
    problems: [
      'credentials-refused',
      'credentials-insufficient',
      'environment-mismatch',
      'connection-disconnecting',
      'connection-limit-reached',
      'provider-not-supported',
      'provider-refused',
      'provider-unexpected-response',
      'provider-unreachable',
      'provider-unavailable',
      'provider-rate-limited',
      ...AUTHORIZING_PROBLEMS,
    ],
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
  if (!created) tellOwner(deps, { venueId, connectionId: connection.id, provider });
  // Before the answer, so that a caller without an answer repeats the request and no run stays asleep because this
  // process died in between.
  if (!created) await wakeRunsOf(deps, { venueId, connectionId: connection.id });
  return { status: created ? 201 : 200, body: presentConnection(connection), headers: locationOf(connection) };
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

function getConnection({ connections, schedules, providers }: ConnectionRouteDeps): Endpoint {
  return endpoint({
    name: 'getConnection',
    summary: 'Read a connection',
    tag: 'Connections',
    method: 'get',
    path: '/v1/venues/{venueId}/connections/{connectionId}',
    role: 'viewer',
    answers: { 200: { description: 'The connection.', schema: connectionDetailAnswer } },
    async handle({ ids }) {
      const connection = await connections.find(ids);
      if (!connection) throw notFound('connection-not-found');
      const fullPasses = await schedules.listFullPasses(ids);
      const definition = providers.definition(connection.provider);
      return { status: 200, body: presentConnectionDetail(connection, { fullPasses, definition }) };
    },
  });
}
