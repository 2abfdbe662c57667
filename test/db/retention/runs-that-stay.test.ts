import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, SyncId, VenueId } from '../../../contracts/ids.ts';
import { createRetentionStore } from '../../../db/core/retention-store.ts';
import type { RetentionStore } from '../../../db/core/retention-store.ts';
import { createScheduleStore } from '../../../db/runs/schedule-store.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { anAgedRun, countOf, removeAll, someLogLines, somePlanItems } from './aged-rows.ts';

const RUNS = { table: 'sync_runs', keptDays: 8 } as const;
const LOGS = { table: 'sync_logs', keptDays: 1 } as const;
const PLANS = { table: 'sync_plan_items', keptDays: 2 } as const;

let database: TestDatabase;
let store: RetentionStore;
let connection: Connection;
let venue: { readonly venueId: VenueId; readonly connectionId: ConnectionId };

beforeAll(async () => {
  database = await createTestDatabase();
  store = createRetentionStore(database.db);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate venues cascade`;
  const venueId = await aVenue(database.db);
  connection = await aConnection(database.db, venueId);
  venue = { venueId, connectionId: connection.id };
});

const aRun = (run: Omit<Parameters<typeof anAgedRun>[1], 'venueId' | 'connectionId'>) =>
  anAgedRun(database.admin, { ...venue, ...run });
const left = async () =>
  (await database.admin<{ id: SyncId }[]>`select id from sync_runs order by id`).map(({ id }) => id);

describe('a finished run', () => {
  it('stays while it is the newest of its sync, its newest full pass or its newest failure', async () => {
    const fullPass = await aRun({ endedDaysAgo: 400, mode: 'full' });
    const failed = await aRun({ endedDaysAgo: 300, outcome: 'failed' });
    await aRun({ endedDaysAgo: 350, outcome: 'failed' });
    await aRun({ endedDaysAgo: 450, mode: 'full' });
    await aRun({ endedDaysAgo: 200, mode: 'full', windowed: true });
    await aRun({ endedDaysAgo: 190, outcome: 'cancelled' });
    const newestPull = await aRun({ endedDaysAgo: 100 });
    const newestPush = await aRun({ endedDaysAgo: 150, direction: 'push' });
    expect(await removeAll(store, RUNS)).toBe(4);
    expect(await left()).toEqual([fullPass, failed, newestPush, newestPull]);
  });

  it('stays while it is a plan that another run carries out', async () => {
    const plan = await aRun({ endedDaysAgo: 100, dryRun: true });
    await aRun({ endedDaysAgo: 90, dryRun: true });
    const newestPlan = await aRun({ endedDaysAgo: 80, dryRun: true });
    const carrier = await aRun({ endedDaysAgo: 99, planId: plan });
    expect(await removeAll(store, RUNS)).toBe(1);
    expect(await left()).toEqual([plan, carrier, newestPlan]);
    const next = await aRun({ endedDaysAgo: 50 });
    // The first pass removes the carrying run; the next pass removes its older plan.
    await removeAll(store, RUNS);
    await removeAll(store, RUNS);
    expect(await left()).toEqual([newestPlan, next]);
  });

  it('is removed with everything that belongs to it, at most a page of each kind at a time', async () => {
    const syncId = await aRun({ endedDaysAgo: 100 });
    const newest = await aRun({ endedDaysAgo: 50 });
    await someLogLines(database.admin, { ...venue, syncId, daysAgo: 100, count: 25 });
    await someLogLines(database.admin, { ...venue, syncId: newest, daysAgo: 50 });
    await somePlanItems(database.admin, { ...venue, syncId, count: 12 });
    await database.admin`
      insert into sync_missing (sync_id, external_id, venue_id, reason)
      select ${syncId}, n::text, ${venue.venueId}, 'told' from generate_series(1, 7) n`;
    for (let after: string | null = null, more = true; more;) {
      const before = await countOf(database.admin, 'sync_logs');
      const page = await store.removePage(RUNS, { after, limit: 10 });
      expect(before - (await countOf(database.admin, 'sync_logs'))).toBeLessThanOrEqual(10);
      ({ after, more } = page);
    }
    expect(await left()).toEqual([newest]);
    expect(await countOf(database.admin, 'sync_logs')).toBe(1);
    expect(await countOf(database.admin, 'sync_plan_items')).toBe(0);
    expect(await countOf(database.admin, 'sync_missing')).toBe(0);
  });

  it('stays when it is reopened during the removal, which does not wait', async () => {
    const retried = await aRun({ endedDaysAgo: 100, outcome: 'cancelled' });
    const other = await aRun({ endedDaysAgo: 90 });
    const newest = await aRun({ endedDaysAgo: 50 });
    await database.admin.begin(async (tx) => {
      await tx`select from sync_runs where id = ${retried} for update`;
      expect(await removeAll(store, RUNS)).toBe(1);
      await tx`update sync_runs set finished_at = null, outcome = null, phase = 'queued' where id = ${retried}`;
    });
    expect(await left()).toEqual([retried, newest]);
    expect(await left()).not.toContain(other);
    expect(await removeAll(store, RUNS)).toBe(0);
  });
});

describe('an open run', () => {
  it('keeps its log and itself, however old they are', async () => {
    const open = await aRun({ endedDaysAgo: null });
    const over = await aRun({ endedDaysAgo: 100, direction: 'push' });
    for (const syncId of [open, over]) await someLogLines(database.admin, { ...venue, syncId, daysAgo: 400, count: 5 });
    expect(await removeAll(store, LOGS)).toBe(5);
    await removeAll(store, RUNS);
    expect(await left()).toEqual([open, over]);
    expect((await createSyncRunStore(database.db).listLog(venue.venueId, open, wholeLog)).data).toHaveLength(5);
    // The run itself stays as the newest of its sync, without its log.
    expect((await createSyncRunStore(database.db).listLog(venue.venueId, over, wholeLog)).data).toHaveLength(0);
  });

  it.each([
    ['is open', null, 'completed', 4],
    ['has failed and may be reopened', 50, 'failed', 4],
    ['was cancelled and may be reopened', 50, 'cancelled', 4],
    ['has completed', 50, 'completed', 0],
  ] as const)('keeps the plan that it carries out while it %s', async (_case, endedDaysAgo, outcome, items) => {
    const plan = await aRun({ endedDaysAgo: 100, dryRun: true });
    await somePlanItems(database.admin, { ...venue, syncId: plan, count: 4 });
    await aRun({ endedDaysAgo, outcome, planId: plan });
    await removeAll(store, PLANS);
    expect(await countOf(database.admin, 'sync_plan_items')).toBe(items);
  });
});

const wholeLog = { filter: {}, page: { limit: 100, after: null } } as const;

describe('data that is still needed after a removal', () => {
  const rules = [LOGS, PLANS, RUNS];
  const removeEverything = async () => {
    for (const rule of rules) await removeAll(store, rule);
  };

  it('still answers a repeated request and a repeated start by a schedule', async () => {
    const runs = createSyncRunStore(database.db);
    const byRequest = await aRun({ endedDaysAgo: 6.9, requestKey: 'digest' });
    const bySchedule = await aRun({ endedDaysAgo: 7.5, requestedBy: 'schedule:run-1' });
    await aRun({ endedDaysAgo: 1 });
    await removeEverything();
    expect((await runs.findByRequest(venue.venueId, 'digest'))?.id).toBe(byRequest);
    expect((await createScheduleStore(database.db).findOpenedBy(venue, 'schedule:run-1'))?.id).toBe(bySchedule);
  });

  it('still includes a plan within its day', async () => {
    const plan = await aRun({ endedDaysAgo: 0.9, dryRun: true });
    await somePlanItems(database.admin, { ...venue, syncId: plan, count: 3 });
    await removeEverything();
    const { run } = await createSyncRunStore(database.db).openOrJoin(aNewRun(connection, { direction: 'pull' }));
    expect(run.planId).toBe(plan);
    expect(await countOf(database.admin, 'sync_plan_items')).toBe(3);
  });

  it('still includes full passes and the watermarks of incremental runs', async () => {
    await aRun({ endedDaysAgo: 400, mode: 'full' });
    await aRun({ endedDaysAgo: 300, mode: 'full', outcome: 'failed' });
    await aRun({ endedDaysAgo: 100 });
    await database.admin`
      insert into sync_cursors (connection_id, venue_id, resource, direction, watermark, full_started_at, full_finished_at)
      values (${venue.connectionId}, ${venue.venueId}, 'customers', 'pull', now() - interval '100 days', now() - interval '401 days', now() - interval '400 days')`;
    const schedules = createScheduleStore(database.db);
    const before = [await schedules.listFullPasses(venue), await database.admin`select * from sync_cursors`];
    await removeEverything();
    expect([await schedules.listFullPasses(venue), await database.admin`select * from sync_cursors`]).toEqual(before);
  });
});
