import type { ConnectionRef } from '../../../contracts/ids.ts';
import { RECONCILIATION_SCHEDULE, reconciliationScheduleId } from '../../../contracts/reconciliation.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { VenueStore } from '../../../db/core/venue-store.ts';
import type { ScheduleStore } from '../../../db/runs/schedule-store.ts';
import type { Providers } from '../../../providers/providers.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Answer, Endpoint } from '../../http/endpoint.ts';
import { requireReconcilable } from '../../reconciliation/start-reconciliation.ts';
import {
  deletedReconciliationScheduleAnswer,
  presentReconciliationSchedule,
  reconciliationScheduleAnswer,
  reconciliationScheduleBody,
} from '../../schemas/reconciliation-schedule.ts';
import { requireActive } from '../../syncs/start-sync.ts';
import type { ReconciliationScheduleGateway } from '../../temporal/reconciliation-schedule-gateway.ts';

export interface ReconciliationScheduleRouteDeps {
  readonly connections: ConnectionStore;
  readonly venues: Pick<VenueStore, 'find'>;
  readonly providers: Providers;
  readonly schedules: Pick<ScheduleStore, 'reserve' | 'release'>;
  readonly reconciliationScheduleGateway: ReconciliationScheduleGateway;
  readonly audit: AuditTrail;
}

const PATH = '/v1/venues/{venueId}/connections/{connectionId}/reconciliation-schedule';
const TEMPORAL = 'temporal-unavailable';

export function reconciliationScheduleRoutes(deps: ReconciliationScheduleRouteDeps): Endpoint[] {
  return [getRoute(deps), putRoute(deps), deleteRoute(deps)];
}

function getRoute(deps: ReconciliationScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'getReconciliationSchedule',
    summary: 'Read when a connection is reconciled by itself',
    tag: 'Reconciliations',
    method: 'get',
    path: PATH,
    role: 'viewer',
    answers: { 200: { description: 'The schedule.', schema: reconciliationScheduleAnswer } },
    problems: ['schedule-not-found', TEMPORAL],
    async handle({ ids }) {
      await connectionOf(deps, ids);
      return present(deps, ids);
    },
  });
}

function putRoute(deps: ReconciliationScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'putReconciliationSchedule',
    summary: 'Reconcile a connection every day',
    description:
      'Off until it is set. A run compares the last days up to yesterday, and is left out while another reconciliation of the connection is under way. Sending the same again changes nothing.',
    tag: 'Reconciliations',
    method: 'put',
    path: PATH,
    role: 'operator',
    effort: 'start',
    body: reconciliationScheduleBody,
    answers: { 200: { description: 'The schedule as it is now.', schema: reconciliationScheduleAnswer } },
    problems: ['connection-not-active', 'reconciliation-not-supported', 'schedule-limit-reached', TEMPORAL],
    async handle({ ids, body: { at, days, paused }, caller, requestId }) {
      const connection = await connectionOf(deps, ids);
      requireReconcilable(deps.providers, connection);
      requireActive(connection);
      const venue = await deps.venues.find([ids.venueId], ids.venueId);
      if (!venue) throw notFound('venue-not-found');
      // Reserved before Temporal is called, so that a schedule that may exist always counts.
      if ((await deps.schedules.reserve(ids, [RECONCILIATION_SCHEDULE])).length === 0)
        throw new ApiError('schedule-limit-reached', 'The venue has as many schedules as it may have.');
      const [hour = 0, minute = 0] = at.split(':').map(Number);
      const settings = { hour, minute, days, paused, timeZone: venue.timeZone };
      await deps.reconciliationScheduleGateway.put({ ...ids, provider: connection.provider }, settings);
      await deps.audit.note({ caller, requestId }, ids.venueId, {
        ...target(ids),
        action: 'schedule.changed',
        details: { at, days, paused, timeZone: venue.timeZone },
      });
      return present(deps, ids);
    },
  });
}

function deleteRoute(deps: ReconciliationScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'deleteReconciliationSchedule',
    summary: 'Reconcile a connection no longer by itself',
    description: 'A reconciliation that is under way goes on.',
    tag: 'Reconciliations',
    method: 'delete',
    path: PATH,
    role: 'operator',
    effort: 'start',
    answers: { 200: { description: 'Deleted.', schema: deletedReconciliationScheduleAnswer } },
    problems: ['schedule-not-found', TEMPORAL],
    async handle({ ids, caller, requestId }) {
      await connectionOf(deps, ids);
      const wasThere = await deps.reconciliationScheduleGateway.delete(ids);
      await deps.schedules.release(ids, RECONCILIATION_SCHEDULE);
      if (!wasThere) throw notFound('schedule-not-found');
      await deps.audit.note({ caller, requestId }, ids.venueId, { ...target(ids), action: 'schedule.deleted' });
      return { status: 200, body: { connectionId: ids.connectionId, deleted: true } };
    },
  });
}

async function connectionOf({ connections }: ReconciliationScheduleRouteDeps, ref: ConnectionRef): Promise<Connection> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  return connection;
}

async function present(deps: ReconciliationScheduleRouteDeps, ref: ConnectionRef): Promise<Answer> {
  const schedule = await deps.reconciliationScheduleGateway.find(ref);
  if (!schedule) throw notFound('schedule-not-found');
  return { status: 200, body: presentReconciliationSchedule(ref.connectionId, schedule) };
}

const target = ({ connectionId }: ConnectionRef) => ({
  targetType: 'schedule',
  targetId: reconciliationScheduleId(connectionId),
});
