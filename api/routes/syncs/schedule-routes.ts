import type { z } from 'zod';
import type { ConnectionRef } from '../../../contracts/ids.ts';
import type { Connection, ConnectionStore } from '../../../db/connections/connection-store.ts';
import type { ScheduleStore } from '../../../db/runs/schedule-store.ts';
import type { VenueStore } from '../../../db/core/venue-store.ts';
import { scheduleId } from '../../../contracts/sync.ts';
import type { SyncKey } from '../../../contracts/sync.ts';
import { defaultJitterMs } from '../../../domain/schedule/schedule-timing.ts';
import type { ScheduleTiming } from '../../../domain/schedule/schedule-timing.ts';
import type { RecordKinds } from '../../../records/registry.ts';
import type { Providers } from '../../../providers/providers.ts';
import type { AuditTrail } from '../../admin/audit-trail.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Answer, Call, Endpoint, IdsOf } from '../../http/endpoint.ts';
import { ApiError } from '../../errors/api-error.ts';
import { notFound } from '../../errors/not-found.ts';
import type { ScheduleGateway, ScheduleRef } from '../../temporal/schedule-gateway.ts';
import type { DefaultSchedules } from '../../schedules/schedules.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  deletedScheduleAnswer,
  presentSchedule,
  scheduleAnswer,
  scheduleBody,
  scheduleBodyShown,
} from '../../schemas/schedule.ts';
import type { TemporalUi } from '../../schemas/sync.ts';
import { checkAbility, connectionNotActive } from '../../syncs/start-sync.ts';

export interface ScheduleRouteDeps {
  readonly connections: ConnectionStore;
  readonly kinds: RecordKinds;
  readonly venues: VenueStore;
  readonly providers: Providers;
  readonly schedules: ScheduleStore;
  readonly scheduleGateway: ScheduleGateway;
  readonly defaultSchedules: DefaultSchedules;
  readonly audit: AuditTrail;
  readonly ui: TemporalUi;
}

const COLLECTION = '/v1/venues/{venueId}/connections/{connectionId}/schedules';
const ITEM = `${COLLECTION}/{resource}` as const;
const TEMPORAL = 'temporal-unavailable';

export function scheduleRoutes(deps: ScheduleRouteDeps): Endpoint[] {
  const routes = [
    listRoute(deps),
    getRoute(deps),
    putRoute(deps),
    deleteRoute(deps),
    pauseRoute(deps),
    resumeRoute(deps),
    triggerRoute(deps),
  ];
  return routes.map((route) => ({ ...route, pathWords: { ...route.pathWords, resource: deps.kinds.names } }));
}

function listRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'listSchedules',
    summary: 'List the schedules of a connection',
    tag: 'Schedules',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    answers: { 200: { description: 'All of them.', schema: pageOf('Schedule', scheduleAnswer) } },
    problems: [TEMPORAL],
    async handle({ ids }) {
      await connectionOf(deps, ids);
      const found = await Promise.all(
        deps.kinds.names.map((resource) => deps.scheduleGateway.find({ ...ids, resource })),
      );
      const fullPasses = await deps.schedules.listFullPasses(ids);
      const data = found
        .filter((schedule) => schedule !== null)
        .map((schedule) => presentSchedule(schedule, { ref: ids, ui: deps.ui, fullPasses }));
      return { status: 200, body: { data, nextCursor: null } };
    },
  });
}

function getRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'getSchedule',
    summary: 'Read a schedule: its times, its next and its last runs',
    tag: 'Schedules',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The schedule.', schema: scheduleAnswer } },
    problems: [TEMPORAL],
    async handle({ ids }) {
      await connectionOf(deps, ids);
      return present(deps, ids, 200);
    },
  });
}

function putRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'putSchedule',
    summary: 'Make or change a schedule of syncs',
    description:
      'Runs are incremental, and every `fullEvery` one goes through everything. Sending the same again changes nothing: an unchanged `every` keeps its times.',
    tag: 'Schedules',
    method: 'put',
    path: ITEM,
    effort: 'start',
    role: 'operator',
    body: scheduleBody,
    bodyShown: scheduleBodyShown,
    answers: { 200: { description: 'The schedule as it is now.', schema: scheduleAnswer } },
    problems: [
      'resource-not-supported',
      'direction-not-supported',
      'scopes-missing',
      'connection-not-active',
      'schedule-limit-reached',
      TEMPORAL,
    ],
    async handle({ ids, body, caller, requestId }) {
      const connection = await connectionToChange(deps, ids);
      requireConnected(connection);
      const direction = checkAbility(deps.providers, connection, { resource: ids.resource, direction: body.direction });
      const timing = await timingOf(deps, ids, body);
      const { jitter = defaultJitterMs(timing), fullEvery, paused, note } = body;
      // Reserved before Temporal is called, so that a schedule that may exist always counts.
      if ((await deps.schedules.reserve(ids, [ids.resource])).length === 0)
        throw new ApiError('schedule-limit-reached', 'The venue has as many schedules as it may have.');
      const sync = { ...ids, provider: connection.provider, direction };
      const change = async () => {
        await deps.scheduleGateway.put(sync, { timing, jitterMs: jitter, fullEveryMs: fullEvery, paused, note });
        return true;
      };
      await (paused === true ? tellWhenPaused(deps, sync, change) : change());
      await deps.schedules.noteScheduled(ids, ids.resource);
      await deps.audit.note({ caller, requestId }, ids.venueId, {
        ...target(ids),
        action: 'schedule.changed',
        details: { ...timing, ...(fullEvery !== undefined && { fullEveryMs: fullEvery }), direction },
      });
      return present(deps, ids, 200);
    },
  });
}

function deleteRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    name: 'deleteSchedule',
    summary: 'Delete a schedule',
    description: 'A run that is on goes on. A default schedule that was deleted does not come back by itself.',
    tag: 'Schedules',
    method: 'delete',
    path: ITEM,
    effort: 'start',
    role: 'operator',
    answers: { 200: { description: 'Deleted.', schema: deletedScheduleAnswer } },
    problems: [TEMPORAL],
    async handle({ ids, caller, requestId }) {
      await connectionToChange(deps, ids);
      // Recorded first, so that a deleted schedule is not restored as a missing one.
      await deps.schedules.noteScheduled(ids, ids.resource);
      const wasThere = await deps.scheduleGateway.delete(ids);
      // Covers a schedule that was deleted in the Temporal Web UI or never created, too.
      await deps.schedules.release(ids, ids.resource);
      if (!wasThere) throw notFound('schedule-not-found');
      await deps.audit.note({ caller, requestId }, ids.venueId, { ...target(ids), action: 'schedule.deleted' });
      return {
        status: 200,
        body: { resource: ids.resource, scheduleId: scheduleId(ids.connectionId, ids.resource), deleted: true },
      };
    },
  });
}

function pauseRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    ...actionOf('pause', 'Pause a schedule'),
    description: 'A run that is on goes on. Pausing again is fine.',
    answers: { 200: { description: 'Paused.', schema: scheduleAnswer } },
    handle: (call) =>
      act(deps, call, {
        action: 'schedule.paused',
        status: 200,
        work: (ref, { provider }) =>
          tellWhenPaused(deps, { ...ref, provider }, () => deps.scheduleGateway.setPaused(ref, true)),
      }),
  });
}

function resumeRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    ...actionOf('resume', 'Resume a paused schedule'),
    description:
      'What came due meanwhile is not made up for: the next run reads everything since the last one. Resuming again is fine.',
    answers: { 200: { description: 'Resumed.', schema: scheduleAnswer } },
    handle: (call) =>
      act(deps, call, {
        action: 'schedule.resumed',
        status: 200,
        work: (ref) => deps.scheduleGateway.setPaused(ref, false),
      }),
  });
}

function triggerRoute(deps: ScheduleRouteDeps): Endpoint {
  return endpoint({
    ...actionOf('trigger', 'Run a schedule now'),
    description: 'Also a paused one. Nothing starts while a run of it is on. The run appears in `lastRuns`.',
    idempotent: true,
    answers: { 202: { description: 'Asked.', schema: scheduleAnswer } },
    handle: (call) =>
      act(deps, call, { action: 'schedule.triggered', status: 202, work: (ref) => deps.scheduleGateway.trigger(ref) }),
  });
}

const actionOf = <Verb extends 'pause' | 'resume' | 'trigger'>(verb: Verb, summary: string) =>
  ({
    name: `${verb}Schedule`,
    summary,
    tag: 'Schedules',
    method: 'post',
    path: `${ITEM}/${verb}`,
    role: 'operator',
    effort: 'start',
    problems: [TEMPORAL],
  }) as const;

interface Action {
  readonly action: string;
  readonly status: number;
  /** Returns false when there is no such schedule. */
  readonly work: (ref: ScheduleRef, connection: Connection) => Promise<boolean>;
}

async function act(
  deps: ScheduleRouteDeps,
  { ids, caller, requestId }: Call<IdsOf<typeof ITEM>, unknown, unknown>,
  { action, status, work }: Action,
): Promise<Answer> {
  const connection = await connectionToChange(deps, ids);
  if (!(await work(ids, connection))) throw notFound('schedule-not-found');
  await deps.audit.note({ caller, requestId }, ids.venueId, { ...target(ids), action });
  return present(deps, ids, status);
}

/** Pauses a schedule, and tells subscribers unless it was paused before. `pause` returns whether it has paused it. */
async function tellWhenPaused(
  { scheduleGateway, schedules }: ScheduleRouteDeps,
  sync: ScheduleRef & Pick<SyncKey, 'provider'> & Partial<Pick<SyncKey, 'direction'>>,
  pause: () => Promise<boolean>,
): Promise<boolean> {
  const before = await scheduleGateway.find(sync);
  const paused = await pause();
  const { direction = before?.direction ?? 'pull' } = sync;
  if (paused && before?.paused !== true) await schedules.announcePause({ ...sync, direction });
  return paused;
}

/** Throws `connection-not-found`, because ids of schedules name no venue. */
async function connectionOf({ connections }: ScheduleRouteDeps, ref: ConnectionRef): Promise<Connection> {
  const connection = await connections.find(ref);
  if (!connection) throw notFound('connection-not-found');
  return connection;
}

/**
 * Like `connectionOf`, for requests that change schedules: first creates the default schedules that are missing because
 * of an outage of Temporal.
 */
async function connectionToChange(deps: ScheduleRouteDeps, ref: ConnectionRef): Promise<Connection> {
  const connection = await connectionOf(deps, ref);
  await deps.defaultSchedules.ensure(connection);
  return connection;
}

/** Throws `connection-not-active`: a disconnection has ended its schedules, and nothing would end another. */
function requireConnected(connection: Connection): void {
  const { state } = connection;
  if (state === 'disconnecting' || state === 'disconnected') throw connectionNotActive(connection);
}

async function timingOf(
  { venues }: ScheduleRouteDeps,
  { venueId }: ScheduleRef,
  { every, cron, timeZone }: z.output<typeof scheduleBody>,
): Promise<ScheduleTiming> {
  if (every !== undefined) return { everyMs: every };
  const zone = timeZone ?? (await venues.find([venueId], venueId))?.timeZone;
  if (cron === undefined || zone === undefined) throw notFound('venue-not-found');
  return { cron, timeZone: zone };
}

async function present(
  { scheduleGateway, schedules, ui }: ScheduleRouteDeps,
  ref: ScheduleRef,
  status: number,
): Promise<Answer> {
  const schedule = await scheduleGateway.find(ref);
  if (!schedule) throw notFound('schedule-not-found');
  return { status, body: presentSchedule(schedule, { ref, ui, fullPasses: await schedules.listFullPasses(ref) }) };
}

const target = ({ connectionId, resource }: ScheduleRef) => ({
  targetType: 'schedule',
  targetId: scheduleId(connectionId, resource),
});
