import type { SyncRun } from '../../../db/runs/sync-run-store.ts';
import type { AuditTrail, AuditEvent } from '../../admin/audit-trail.ts';
import { readCursor, toPageAnswer } from '../../http/cursor.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { notFound } from '../../errors/not-found.ts';
import { pageOf } from '../../schemas/common.ts';
import {
  presentSync,
  presentSyncLog,
  startSyncBody,
  startSyncBodyAmong,
  syncAnswer,
  syncListQuery,
  syncLogAnswer,
  syncLogQuery,
} from '../../schemas/sync.ts';
import type { TemporalUi } from '../../schemas/sync.ts';
import { check } from '../../http/parse.ts';
import type { RecordKinds } from '../../../records/registry.ts';
import { startSync } from '../../syncs/start-sync.ts';
import type { SyncDeps } from '../../syncs/start-sync.ts';

export interface SyncRouteDeps extends SyncDeps {
  readonly kinds: RecordKinds;
  readonly audit: AuditTrail;
  readonly ui: TemporalUi;
}

const COLLECTION = '/v1/venues/{venueId}/syncs';
const ITEM = '/v1/venues/{venueId}/syncs/{syncId}';

export function syncRoutes(deps: SyncRouteDeps): Endpoint[] {
  return [startRoute(deps), listRoute(deps), getRoute(deps), logRoute(deps)];
}

function startRoute(deps: SyncRouteDeps): Endpoint {
  const known = startSyncBodyAmong(deps.kinds.names);
  return endpoint({
    name: 'startSync',
    summary: 'Start a sync, or join the one that is running',
    description:
      'A dry run and a run may be open together. A run takes on the plan of the newest dry run of the same sync, mode and window, if nothing has run since. Joining changes nothing of the run that is open; one that waits looks again at once.',
    tag: 'Syncs',
    method: 'post',
    path: COLLECTION,
    role: 'operator',
    effort: 'start',
    idempotent: true,
    body: startSyncBody,
    checkBody: (_ids, input) => Promise.resolve(check(known, input)),
    answers: {
      202: { description: 'Started.', schema: syncAnswer, location: 'The run.' },
      200: {
        description: 'The same sync is running already: this is its run.',
        schema: syncAnswer,
        location: 'The run.',
      },
    },
    problems: [
      'connection-not-found',
      'connection-not-active',
      'resource-not-supported',
      'direction-not-supported',
      'scopes-missing',
      'plan-not-usable',
      'sync-already-open',
      'temporal-unavailable',
    ],
    async handle({
      ids: { venueId },
      body: { dryRun = false, from, to, planId, ...body },
      caller,
      requestId,
      requestKey,
    }) {
      const window = from || to ? { from: from ?? null, to: to ?? null } : null;
      const by = { caller, requestId };
      const auditOf = (opened: SyncRun) => deps.audit.entry(by, venueId, auditEventOf(opened, 'sync.started'));
      const { run, joined } = await startSync(deps, {
        ...body,
        venueId,
        dryRun,
        window,
        planId,
        requestedBy: caller.subject,
        requestKey,
        auditOf,
      });
      if (joined) await deps.audit.note(by, venueId, auditEventOf(run, 'sync.joined'));
      return {
        status: joined ? 200 : 202,
        body: presentSync(run, deps.ui),
        headers: { Location: `/v1/venues/${venueId}/syncs/${run.id}` },
      };
    },
  });
}

const auditEventOf = ({ id, resource, direction, mode, dryRun }: SyncRun, action: string): AuditEvent => ({
  action,
  targetType: 'sync',
  targetId: id,
  details: { resource, direction, mode, ...(dryRun && { dryRun }) },
});

function listRoute({ runs, ui }: SyncRouteDeps): Endpoint {
  return endpoint({
    name: 'listSyncs',
    summary: 'List sync runs, newest first',
    tag: 'Syncs',
    method: 'get',
    path: COLLECTION,
    role: 'viewer',
    query: syncListQuery,
    answers: { 200: { description: 'A page of runs.', schema: pageOf('SyncRun', syncAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'id' } as const;
      const page = await runs.list(venueId, filter, { limit, after: readCursor(cursor, list) });
      return toPageAnswer(page, list, (run) => presentSync(run, ui));
    },
  });
}

function getRoute({ runs, ui }: SyncRouteDeps): Endpoint {
  return endpoint({
    name: 'getSync',
    summary: 'Read a sync run: phase, progress, counts, outcome',
    tag: 'Syncs',
    method: 'get',
    path: ITEM,
    role: 'viewer',
    answers: { 200: { description: 'The run.', schema: syncAnswer } },
    async handle({ ids: { venueId, syncId } }) {
      const run = await runs.find(venueId, syncId);
      if (!run) throw notFound('sync-not-found');
      return { status: 200, body: presentSync(run, ui) };
    },
  });
}

function logRoute({ runs }: SyncRouteDeps): Endpoint {
  return endpoint({
    name: 'listSyncLog',
    summary: 'What a run did, record by record, oldest first',
    tag: 'Syncs',
    method: 'get',
    path: `${ITEM}/log`,
    role: 'viewer',
    query: syncLogQuery,
    answers: { 200: { description: 'A page of the log.', schema: pageOf('SyncLogEntry', syncLogAnswer) } },
    problems: ['invalid-cursor'],
    async handle({ ids: { venueId, syncId }, query: { limit, cursor, ...filter }, path }) {
      const list = { path, filters: filter, order: 'seq' } as const;
      const after = readCursor(cursor, list);
      if (!(await runs.find(venueId, syncId))) throw notFound('sync-not-found');
      const page = await runs.listLog(venueId, syncId, { filter, page: { limit, after } });
      return toPageAnswer(page, list, presentSyncLog);
    },
  });
}
