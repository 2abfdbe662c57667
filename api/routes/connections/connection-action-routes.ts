import type { ConnectionRef } from '../../../contracts/ids.ts';
import type { AuditEntry } from '../../../db/core/audit-store.ts';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { AuditTrail, Actor } from '../../admin/audit-trail.ts';
import { REFUSAL_CODES } from '../../connections/authorization-problems.ts';
import { reauthorize } from '../../connections/authorize.ts';
import type { AuthorizingDeps } from '../../connections/authorize.ts';
import { wrongWishes } from '../../connections/consent-wishes.ts';
import type { WishDeps } from '../../connections/consent-wishes.ts';
import { tellOwner } from '../../connections/connection-owner.ts';
import type { OwnerDeps } from '../../connections/connection-owner.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { notFound } from '../../errors/not-found.ts';
import {
  connectionAnswer,
  connectionTestAnswer,
  disconnectQuery,
  presentAuthorization,
  presentConnection,
  reauthorizeBody,
  startedAuthorizationAnswer,
} from '../../schemas/connection.ts';
import { requireActive } from '../../syncs/start-sync.ts';
import { wakeRunsOf } from '../../syncs/sync-actions.ts';
import type { WakingDeps } from '../../syncs/sync-actions.ts';
import { AUTHORIZING_PROBLEMS } from './connection-routes.ts';

export interface ConnectionActionRouteDeps extends AuthorizingDeps, OwnerDeps, WakingDeps {
  readonly returnUrls: WishDeps['returnUrls'];
  readonly audit: AuditTrail;
}

const ITEM = '/v1/venues/{venueId}/connections/{connectionId}';

export function connectionActionRoutes(deps: ConnectionActionRouteDeps): Endpoint[] {
  return [disconnectRoute(deps), testRoute(deps), reauthorizeRoute(deps), suspendRoute(deps), resumeRoute(deps)];
}

function disconnectRoute(deps: ConnectionActionRouteDeps): Endpoint {
  return endpoint({
    name: 'disconnectConnection',
    summary: 'Disconnect a provider',
    description:
      'Stops schedules and runs, revokes the access at the provider where that is possible, and wipes the credentials: the connection is `disconnecting`, then `disconnected`, and stays readable. An attempt to connect is withdrawn. Asking again is fine.',
    tag: 'Connections',
    method: 'delete',
    path: ITEM,
    role: 'admin',
    query: disconnectQuery,
    answers: { 202: { description: 'It is being disconnected, or is so already.', schema: connectionAnswer } },
    problems: ['temporal-unavailable', 'worker-unavailable'],
    async handle({ ids, query: { records }, caller, requestId }) {
      const connection = await find(deps, ids);
      if (connection.state === 'disconnected') return { status: 202, body: presentConnection(connection) };
      const { provider } = connection;
      await deps.authorizationGateway.withdraw(connection.id);
      await deps.connectionGateway.disconnect({ ...ids, provider }, { records, requestedBy: caller.subject });
      await note(deps, connection, {
        caller,
        requestId,
        action: 'connection.disconnect-requested',
        details: { provider, records },
      });
      const now = await find(deps, ids);
      // The request is accepted although its first step may be pending: nothing relies on the connection's old state
      // any more.
      const shown = now.state === 'disconnected' ? now : { ...now, state: 'disconnecting' as const };
      return { status: 202, body: presentConnection(shown) };
    },
  });
}

function testRoute(deps: ConnectionActionRouteDeps): Endpoint {
  return endpoint({
    name: 'testConnection',
    summary: 'Try a connection’s stored credentials at the provider',
    description:
      'Takes up to half a minute. A token that has ended is renewed first; where that is refused, the connection is `needs-reauth` afterwards.',
    tag: 'Connections',
    method: 'post',
    path: `${ITEM}/test`,
    effort: 'connect',
    role: 'operator',
    answers: { 200: { description: 'What came of it.', schema: connectionTestAnswer } },
    problems: ['connection-not-active', 'temporal-unavailable', 'worker-unavailable'],
    async handle({ ids, caller, requestId }) {
      const connection = await find(deps, ids);
      requireActive(connection);
      const { outcome, refusal } = await deps.connectionGateway.test({ ...ids, provider: connection.provider });
      await note(deps, connection, { caller, requestId, action: 'connection.tested', details: { result: outcome } });
      return {
        status: 200,
        body: {
          outcome,
          code: refusal && REFUSAL_CODES[refusal],
          testedAt: deps.clock().toISOString(),
          connection: presentConnection(await find(deps, ids)),
        },
      };
    },
  });
}

function reauthorizeRoute(deps: ConnectionActionRouteDeps): Endpoint {
  return endpoint({
    name: 'reauthorizeConnection',
    summary: 'Have a connection approved anew by the account’s owner',
    description:
      'Answers a URL for the owner to open. The connection stays as it is until they have approved, and keeps its account: another one is refused. A connection with a key takes a new key instead, by `PATCH …/connections/{connectionId}`.',
    tag: 'Connections',
    method: 'post',
    path: `${ITEM}/reauthorize`,
    effort: 'connect',
    role: 'admin',
    idempotent: true,
    body: reauthorizeBody,
    async rules(ids, sent) {
      const { provider, flow = null } = (await deps.connections.find(ids)) ?? {};
      return wrongWishes(deps, provider && flow ? { provider, flow } : null, sent);
    },
    bodyOptional: true,
    answers: { 200: { description: 'The owner can approve now.', schema: startedAuthorizationAnswer } },
    problems: ['connection-not-reauthorizable', ...AUTHORIZING_PROBLEMS],
    async handle({ ids, body, caller, requestId }) {
      const started = await reauthorize(deps, ids, { ...body, requestedBy: caller.subject });
      const { provider, flow } = started.connection;
      await note(deps, started.connection, {
        caller,
        requestId,
        action: 'connection.reauthorize-requested',
        details: { provider, flow },
      });
      return { status: 200, body: presentAuthorization(started) };
    },
  });
}

function suspendRoute(deps: ConnectionActionRouteDeps): Endpoint {
  return endpoint({
    name: 'suspendConnection',
    summary: 'Stop all syncs of a connection for the time being',
    description: 'Runs wait, schedules skip, and the access is kept alive. Suspending again is fine.',
    tag: 'Connections',
    method: 'post',
    path: `${ITEM}/suspend`,
    role: 'operator',
    idempotent: true,
    answers: { 200: { description: 'Suspended.', schema: connectionAnswer } },
    problems: ['connection-not-suspendable'],
    async handle({ ids, caller, requestId }) {
      const before = await find(deps, ids);
      const why = {
        cause: `Suspended by ${caller.subject}.`,
        nextAction: 'Resume the connection when its syncs shall go on.',
      };
      if (
        !(await deps.connectionActions.suspend(
          ids,
          why,
          entryOf(deps, before, { caller, requestId, action: 'connection.suspended' }),
        ))
      )
        throw new ApiError('connection-not-suspendable', `It is ${(await find(deps, ids)).state}.`);
      tellOwner(deps, { ...ids, provider: before.provider });
      return { status: 200, body: presentConnection(await find(deps, ids)) };
    },
  });
}

function resumeRoute(deps: ConnectionActionRouteDeps): Endpoint {
  return endpoint({
    name: 'resumeConnection',
    summary: 'Let the syncs of a suspended connection go on',
    description: 'Runs that waited look again at once. Resuming again is fine.',
    tag: 'Connections',
    method: 'post',
    path: `${ITEM}/resume`,
    role: 'operator',
    idempotent: true,
    answers: { 200: { description: 'Active.', schema: connectionAnswer } },
    problems: ['connection-not-suspended'],
    async handle({ ids, caller, requestId }) {
      const before = await find(deps, ids);
      if (
        !(await deps.connectionActions.resume(
          ids,
          entryOf(deps, before, { caller, requestId, action: 'connection.resumed' }),
        ))
      )
        throw new ApiError('connection-not-suspended', `It is ${(await find(deps, ids)).state}.`);
      tellOwner(deps, { ...ids, provider: before.provider });
      await wakeRunsOf(deps, ids);
      return { status: 200, body: presentConnection(await find(deps, ids)) };
    },
  });
}

async function find({ connections }: ConnectionActionRouteDeps, ref: ConnectionRef): Promise<Connection> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  return connection;
}

interface AuditEvent extends Actor {
  readonly action: string;
  readonly details?: Readonly<Record<string, string | null>>;
}

const entryOf = (
  { audit }: ConnectionActionRouteDeps,
  { venueId, id }: Connection,
  { action, details = {}, ...by }: AuditEvent,
): AuditEntry => audit.entry(by, venueId, { action, targetType: 'connection', targetId: id, details });

async function note(
  { audit }: ConnectionActionRouteDeps,
  { venueId, id }: Connection,
  { action, details = {}, ...by }: AuditEvent,
): Promise<void> {
  await audit.note(by, venueId, { action, targetType: 'connection', targetId: id, details });
}
