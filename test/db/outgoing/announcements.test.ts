import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionRef, ReconciliationId, SyncId, VenueId } from '../../../contracts/ids.ts';
import { OUTGOING_EVENT_TYPES } from '../../../contracts/outgoing-webhooks.ts';
import type { OutgoingEventType } from '../../../contracts/outgoing-webhooks.ts';
import type { SyncConnectionInput, WaitingFor } from '../../../contracts/sync.ts';
import { createConnectionActionsStore } from '../../../db/connections/connection-actions-store.ts';
import { createConnectionStore } from '../../../db/connections/connection-store.ts';
import {
  announceChanges,
  announceConnection,
  announceCustomFields,
  announceDeadLetters,
  announceDiscrepancies,
  announcePause,
  announceRunEnd,
  announceSchedulePause,
  announceStale,
  announceSuspension,
  announceUnknownFields,
} from '../../../db/outgoing/announcements.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createSyncProgressStore } from '../../../db/runs/sync-progress-store.ts';
import { EVENT_PAYLOADS } from '../../../domain/outgoing/event-payloads.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';

let database: TestDatabase;
let venueId: VenueId;
let ref: ConnectionRef;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate subscriptions, outgoing_messages cascade`;
  venueId = await aVenue(database.db);
  ref = { venueId, connectionId: (await aConnection(database.db, venueId)).id };
  await database.admin`insert into subscriptions (id, venue_id, url) values (${uuidv7()}, ${venueId}, 'https://a.example/')`;
});

/** The messages, each of which has what its schema names and nothing else. */
const told = async () => {
  const messages = await database.admin<
    { type: OutgoingEventType; data: object }[]
  >`select type, data from outgoing_messages order by id`;
  for (const { type, data } of messages) EVENT_PAYLOADS[type].strict().parse(data);
  return [...messages];
};

async function aRun(dryRun = false): Promise<SyncConnectionInput> {
  const syncId = uuidv7() as SyncId;
  await database.admin`
    insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, dry_run, phase, workflow_id, requested_by, started_at)
    values (${syncId}, ${venueId}, ${ref.connectionId}, 'stripe', 'customers', 'pull', 'full', ${dryRun}, 'running', 'w', 'x', now())`;
  const run = { ...ref, syncId, provider: 'stripe', resource: 'customers', direction: 'pull', mode: 'full' } as const;
  return dryRun ? { ...run, dryRun } : run;
}

describe('subscribers are told', () => {
  it('that a connection is failing, once, and that it needs its owner', async () => {
    const store = createConnectionStore(database.db);
    const degrade = () =>
      store.changeState(ref, ['active', 'degraded'], { state: 'degraded', cause: 'c', nextAction: null });
    await degrade();
    await degrade();
    expect(await told()).toMatchObject([
      { type: 'connection.failing', data: { connectionId: ref.connectionId, provider: 'stripe' } },
    ]);
    const generation = (await store.findApiKey(ref))?.generation ?? 0;
    await store.markNeedsReauth(ref, generation, { cause: 'a name', nextAction: null });
    await store.markNeedsReauth(ref, generation, { cause: 'a name', nextAction: null });
    const messages = await told();
    expect(messages.map(({ type }) => type)).toEqual(['connection.failing', 'connection.needs-reauth']);
    expect(JSON.stringify(messages)).not.toContain('a name');
  });

  it('that a person has suspended a connection, once', async () => {
    const actions = createConnectionActionsStore(database.db);
    await actions.suspend(ref, { cause: 'c', nextAction: 'n' });
    await actions.suspend(ref, { cause: 'c', nextAction: 'n' });
    expect(await told()).toMatchObject([
      { type: 'sync.paused', data: { by: 'operator', connectionId: ref.connectionId } },
    ]);
  });

  it('of a parked run once for each limit or outage, and not of a lost grant or a fault of ours', async () => {
    const progress = createSyncProgressStore(database.db, RECORD_KINDS);
    const run = await aRun();
    const park = (what: WaitingFor) =>
      progress.park(run, { what, since: new Date().toISOString(), until: '2026-12-01T00:00:00Z', error: null });
    for (const what of ['quota', 'quota', 'internal', 'needs-reauth', 'provider-unavailable'] as const)
      await park(what);
    expect(await told()).toMatchObject([
      {
        type: 'sync.paused',
        data: { by: 'throttle', reason: 'quota', syncId: run.syncId, until: '2026-12-01T00:00:00Z' },
      },
      { type: 'sync.paused', data: { by: 'throttle', reason: 'provider-unavailable' } },
    ]);
  });

  it.each([
    ['completed', null, ['sync.finished', 'backfill.done']],
    ['failed', { code: 'internal', message: 'a name', nextAction: '' }, ['sync.failed']],
    ['cancelled', null, ['sync.finished']],
  ] as const)('that a run is %s, once, though the step is repeated', async (outcome, error, types) => {
    const progress = createSyncProgressStore(database.db, RECORD_KINDS);
    const run = await aRun();
    const end = { outcome, error, plan: null, watermark: null, wasFull: outcome === 'completed' };
    await progress.finish(run, end);
    await progress.finish(run, end);
    const messages = await told();
    expect(messages.map(({ type }) => type)).toEqual(types);
    expect(messages[0]?.data).toMatchObject({ outcome, path: `/v1/venues/${venueId}/syncs/${run.syncId}` });
    expect(JSON.stringify(messages)).not.toContain('a name');
  });

  it('that the backfill is done by the first full pass alone', async () => {
    const progress = createSyncProgressStore(database.db, RECORD_KINDS);
    for (let pass = 0; pass < 2; pass += 1)
      await progress.finish(await aRun(), {
        outcome: 'completed',
        error: null,
        plan: null,
        watermark: null,
        wasFull: true,
      });
    expect((await told()).filter(({ type }) => type === 'backfill.done')).toHaveLength(1);
  });

  it('of every type by a message with what its schema names', async () => {
    const run = await aRun();
    const counts = { read: 1, created: 1, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 };
    const end = { outcome: 'completed', errorCode: null, counts, firstPass: true } as const;
    const reconciliationId = uuidv7() as ReconciliationId;
    await withVenue(database.db, venueId, async (tx) => {
      await announceRunEnd(tx, run, end);
      await announceRunEnd(tx, run, { ...end, outcome: 'failed', errorCode: 'internal' });
      await announcePause(tx, run, { by: 'guard', reason: 'approval', until: null });
      await announceSuspension(tx, ref);
      await announceSchedulePause(tx, run);
      await announceStale(tx, run, { reason: 'failing', lastGoodAt: new Date() });
      await announceChanges(tx, run, counts);
      for (const type of ['created', 'failing', 'needs-reauth', 'disconnected'] as const)
        await announceConnection(tx, ref, `connection.${type}`);
      for (let times = 0; times < 2; times += 1)
        await announceDiscrepancies(tx, { ...ref, reconciliationId, provider: 'stripe' }, 2);
      await announceUnknownFields(tx, run, 1);
      await announceCustomFields(tx, run, { change: 'added', fields: ['metadata.tier'] });
      await announceDeadLetters(tx, { venueId, source: 'record', added: 1 });
      await announceDeadLetters(tx, { venueId, source: 'delivery', added: 1 });
    });
    const messages = await told();
    expect(new Set(messages.map(({ type }) => type))).toEqual(new Set(OUTGOING_EVENT_TYPES));
    expect(messages.filter(({ type }) => type === 'discrepancy.found')).toMatchObject([
      { data: { counts: { found: 4 } } },
    ]);
    expect(messages.filter(({ type }) => type === 'dead-letter.added')).toMatchObject([{ data: { source: 'record' } }]);
  });
});
