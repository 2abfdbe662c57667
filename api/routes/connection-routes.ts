import { z } from 'zod';
import type { ConnectionStore } from '../../db/connection-store.ts';
import { ApiError } from '../api-error.ts';
import type { AuditTrail } from '../audit-trail.ts';
import { connectWithKey } from '../connecting.ts';
import type { ConnectingDeps } from '../connecting.ts';
import { readCursor, toPageBody } from '../cursor.ts';
import { endpoint } from '../endpoint.ts';
import type { Endpoint } from '../endpoint.ts';
import { notFound } from '../not-found.ts';
import { pageOf, paging } from '../schemas/common.ts';
import { connectionAnswer, newConnectionBody, presentConnection } from '../schemas/connection.ts';
import { wakeRunsOf } from '../steering-syncs.ts';
import type { WakingDeps } from '../steering-syncs.ts';

export interface ConnectionRouteDeps extends ConnectingDeps, WakingDeps {
  readonly connections: ConnectionStore;
  readonly audit: AuditTrail;
}

const listQuery = z.strictObject(paging);

export function connectionRoutes(deps: ConnectionRouteDeps): Endpoint[] {
  return [createConnection(deps), listConnections(deps), getConnection(deps)];
}

function createConnection(deps: ConnectionRouteDeps): Endpoint {
  return endpoint({
    name: 'createConnection',
    summary: 'Connect a provider with a secret key',
    description: 'The key is tested at the provider before anything is stored. A key for an account that is connected already replaces the old one (200), and runs that waited for it go on.',
    tag: 'Connections',
    method: 'post',
    path: '/v1/venues/{venueId}/connections',
    role: 'admin',
    idempotent: true,
    body: newConnectionBody,
    answers: {
      201: { description: 'Connected.', schema: connectionAnswer },
      200: { description: 'The account was connected before; its key is replaced.', schema: connectionAnswer },
    },
    problems: [
      'credentials-refused',
      'credentials-insufficient',
      'environment-mismatch',
      'provider-not-supported',
      'provider-unavailable',
      'provider-rate-limited',
      'vault-unavailable',
    ],
    async handle({ ids: { venueId }, body: { provider, environment, credentials }, caller, requestId }) {
      const details = { provider, environment };
      try {
        const { connection, created } = await connectWithKey(deps, venueId, { provider, environment, secretKey: credentials.secretKey });
        const deed = { action: 'connection.connected', targetType: 'connection', targetId: connection.id, details: { ...details, replaced: !created } };
        await deps.audit.note({ caller, requestId }, venueId, deed);
        // Not waited for: the key is stored, and a run that is not woken looks by itself.
        if (!created) void wakeRunsOf(deps, { venueId, connectionId: connection.id });
        const headers = { Location: `/v1/venues/${venueId}/connections/${connection.id}` };
        return { status: created ? 201 : 200, body: presentConnection(connection), headers };
      } catch (error) {
        const deed = { action: 'connection.refused', targetType: 'provider', targetId: provider, outcome: 'refused' } as const;
        if (error instanceof ApiError) await deps.audit.note({ caller, requestId }, venueId, { ...deed, details: { ...details, code: error.code } });
        throw error;
      }
    },
  });
}

function listConnections({ connections }: ConnectionRouteDeps): Endpoint {
  return endpoint({
    name: 'listConnections',
    summary: 'List connections',
    tag: 'Connections',
    method: 'get',
    path: '/v1/venues/{venueId}/connections',
    role: 'viewer',
    query: listQuery,
    answers: { 200: { description: 'A page of connections.', schema: pageOf(connectionAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor }, path }) {
      const list = { path, filters: {}, order: 'id' } as const;
      const page = await connections.list(venueId, { limit, after: readCursor(cursor, list) });
      return { status: 200, body: toPageBody(page, list, presentConnection) };
    },
  });
}

function getConnection({ connections }: ConnectionRouteDeps): Endpoint {
  return endpoint({
    name: 'getConnection',
    summary: 'Read a connection',
    tag: 'Connections',
    method: 'get',
    path: '/v1/venues/{venueId}/connections/{connectionId}',
    role: 'viewer',
    answers: { 200: { description: 'The connection.', schema: connectionAnswer } },
    async handle({ ids }) {
      const connection = await connections.find(ids);
      if (!connection) throw notFound('connection-not-found');
      return { status: 200, body: presentConnection(connection) };
    },
  });
}
