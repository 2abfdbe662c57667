import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { SyncId, VenueId } from '../../../contracts/ids.ts';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { OtherRunOpenError, PlanNotUsableError } from '../../../db/runs/sync-run-opening.ts';
import type { NewSyncRun } from '../../../db/runs/sync-run-opening.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import type { SyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';

describe('sync runs', () => {
  let database: TestDatabase;
  let store: SyncRunStore;
  let venueId: VenueId;
  let connection: Connection;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createSyncRunStore(database.db);
    venueId = await aVenue(database.db);
  });
  beforeEach(async () => {
    connection = await aConnection(database.db, venueId);
  });
  afterAll(() => database.drop());

  const finish = (id: SyncId) =>
    database.admin`update sync_runs set finished_at = now(), phase = 'finished', outcome = 'completed' where id = ${id}`;

  it('begin queued, with nothing done and one log row that says so', async () => {
    const { run, joined } = await store.openOrJoin(aNewRun(connection));
    expect(joined).toBe(false);
    expect(run).toMatchObject({
      ...{
        venueId,
        connectionId: connection.id,
        provider: 'stripe',
        resource: 'customers',
        direction: 'push',
        mode: 'incremental',
        phase: 'queued',
      },
      ...{ dryRun: false, window: null, planId: null, deviationCount: 0, plan: null, awaiting: null, approvedAt: null },
      ...{
        outcome: null,
        error: null,
        waitingFor: null,
        done: 0,
        total: null,
        ratePerSecond: 0,
        providerCalls: 0,
        startedAt: null,
        finishedAt: null,
      },
      counts: { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 },
      workflowId: `sync/${venueId}/${connection.id}/customers/push`,
      workflowRunId: null,
    });
    await expect(store.find(venueId, run.id)).resolves.toEqual(run);
    const { data } = await store.listLog(venueId, run.id, { filter: {}, page: { limit: 10, after: null } });
    expect(data).toMatchObject([{ level: 'info', action: 'phase', code: 'queued', recordId: null, message: null }]);
  });

  it('are opened once when many callers start the same sync together, and the others join', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => store.openOrJoin(aNewRun(connection))));
    expect(results.filter(({ joined }) => !joined)).toHaveLength(1);
    expect(new Set(results.map(({ run }) => run.id)).size).toBe(1);
    const logged = await store.listLog(venueId, results[0]!.run.id, { filter: {}, page: { limit: 10, after: null } });
    expect(logged.data).toHaveLength(1);
  });

  it('are separate for another direction, or after the first has finished', async () => {
    const first = await store.openOrJoin(aNewRun(connection));
    const other = await store.openOrJoin(aNewRun(connection, { direction: 'pull' }));
    expect(other).toMatchObject({ joined: false });
    await finish(first.run.id);
    const second = await store.openOrJoin(aNewRun(connection));
    expect(second.joined).toBe(false);
    expect(second.run.id).not.toBe(first.run.id);
  });

  it('can be started repeatedly while others finish them', async () => {
    const opened = new Set<SyncId>();
    await Promise.all(
      Array.from({ length: 4 }, async () => {
        for (let round = 0; round < 10; round += 1) {
          const { run, joined } = await store.openOrJoin(aNewRun(connection));
          if (!joined) opened.add(run.id);
          await finish(run.id);
        }
      }),
    );
    const [row] =
      await database.admin`select count(*)::int as runs from sync_runs where connection_id = ${connection.id}`;
    expect(row?.['runs']).toBe(opened.size);
  });

  it('are listed newest first, by connection on request', async () => {
    const other = await aConnection(database.db, venueId);
    const ids: SyncId[] = [];
    for (let count = 0; count < 3; count += 1) {
      const { run } = await store.openOrJoin(aNewRun(connection));
      await finish(run.id);
      ids.unshift(run.id);
    }
    const elsewhere = await store.openOrJoin(aNewRun(other));

    const first = await store.list(venueId, { connectionId: connection.id }, { limit: 2, after: null });
    const second = await store.list(venueId, { connectionId: connection.id }, { limit: 2, after: first.next });
    expect([...first.data, ...second.data].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeNull();
    expect((await store.list(venueId, {}, { limit: 1, after: null })).data[0]?.id).toBe(elsewhere.run.id);
  });

  it('have a log that can be filtered and is paged in chronological order', async () => {
    const { run } = await store.openOrJoin(aNewRun(connection));
    await database.admin`insert into sync_logs (venue_id, sync_id, level, action, source_id, code)
      select ${venueId}, ${run.id}, case when n % 2 = 0 then 'warn' else 'info' end, case when n % 2 = 0 then 'rejected' else 'created' end, 'c' || n, null
      from generate_series(1, 9) n`;
    const rejected = await store.listLog(venueId, run.id, {
      filter: { level: 'warn', action: 'rejected' },
      page: { limit: 3, after: null },
    });
    const rest = await store.listLog(venueId, run.id, {
      filter: { level: 'warn', action: 'rejected' },
      page: { limit: 3, after: rejected.next },
    });
    expect([...rejected.data, ...rest.data].map(({ sourceId }) => sourceId)).toEqual(['c2', 'c4', 'c6', 'c8']);
    expect(rest.next).toBeNull();
    expect(rejected.data[0]?.at).toBeInstanceOf(Date);
  });

  it('of a dry run are open beside others, once, under a separate workflow', async () => {
    const real = await store.openOrJoin(aNewRun(connection));
    const results = await Promise.all(
      Array.from({ length: 8 }, () => store.openOrJoin(aNewRun(connection, { dryRun: true }))),
    );
    expect(results.filter(({ joined }) => !joined)).toHaveLength(1);
    const [dry] = results;
    expect(dry?.run).toMatchObject({ dryRun: true, workflowId: `${real.run.workflowId}/dry-run` });
    expect((await store.listOpen({ venueId, connectionId: connection.id })).map(({ id }) => id).sort()).toEqual(
      [real.run.id, dry!.run.id].sort(),
    );
    await finish(real.run.id);
    expect((await store.listOpen({ venueId, connectionId: connection.id })).map(({ id }) => id)).toEqual([dry?.run.id]);
    await expect(store.listOpen({ venueId: await aVenue(database.db), connectionId: connection.id })).resolves.toEqual(
      [],
    );
  });

  it('of a window store it to the millisecond, even with one open end', async () => {
    const window = { from: new Date('2026-01-02T03:04:05.678Z'), to: null };
    const { run } = await store.openOrJoin(aNewRun(connection, { direction: 'pull', window }));
    expect(run.window).toEqual(window);
    await expect(store.find(venueId, run.id)).resolves.toEqual(run);
  });

  it('store the run id of their workflow', async () => {
    const { run } = await store.openOrJoin(aNewRun(connection));
    await store.setWorkflowRunId(venueId, run.id, 'run-1');
    await expect(store.find(venueId, run.id)).resolves.toMatchObject({ workflowRunId: 'run-1' });
    await expect(store.find(venueId, uuidv7() as SyncId)).resolves.toBeNull();
  });

  describe('with plans', () => {
    const window = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-02-01T00:00:00Z') };
    const open = async (changes: Partial<NewSyncRun> = {}) =>
      (await store.openOrJoin(aNewRun(connection, changes))).run;
    const aPlan = async (changes: Partial<NewSyncRun> = {}): Promise<SyncId> => {
      const { id } = await open({ ...changes, dryRun: true });
      await finish(id);
      return id;
    };

    it('carry out the newest completed dry run of the same sync, mode and window', async () => {
      await aPlan();
      const newest = await aPlan();
      const windowed = await aPlan({ direction: 'pull', window });
      await aPlan({ mode: 'full' });
      expect((await open()).planId).toBe(newest);
      expect((await open({ direction: 'pull', window })).planId).toBe(windowed);
    });

    it.each([
      ['of another mode', { mode: 'full' }],
      ['of another direction', { direction: 'pull' }],
      ['of another resource', { resource: 'products' }],
    ] as const)('ignore a plan %s', async (_case, changes) => {
      await aPlan(changes);
      expect((await open()).planId).toBeNull();
    });

    it('ignore a plan of another window, or of none', async () => {
      await aPlan({ direction: 'pull' });
      await aPlan({ direction: 'pull', window: { ...window, to: null } });
      expect((await open({ direction: 'pull', window })).planId).toBeNull();
    });

    it('ignore a plan of another connection', async () => {
      const other = await aConnection(database.db, venueId);
      await finish((await store.openOrJoin(aNewRun(other, { dryRun: true }))).run.id);
      expect((await open()).planId).toBeNull();
    });

    it.each(['failed', 'cancelled'])('have no plan from a dry run that %s', async (outcome) => {
      const id = await aPlan();
      await database.admin`update sync_runs set outcome = ${outcome} where id = ${id}`;
      expect((await open()).planId).toBeNull();
    });

    it('accept a plan for one day', async () => {
      const id = await aPlan();
      await database.admin`update sync_runs set finished_at = now() - interval '24 hours 1 second', created_at = now() - interval '25 hours' where id = ${id}`;
      const late = await open();
      expect(late.planId).toBeNull();
      await database.admin`delete from sync_runs where id = ${late.id}`;
      await database.admin`update sync_runs set finished_at = now() - interval '23 hours 59 minutes' where id = ${id}`;
      expect((await open()).planId).toBe(id);
    });

    it('carry out a plan once, and never when a run has worked since its dry run began', async () => {
      const id = await aPlan();
      const first = await open();
      expect(first.planId).toBe(id);
      await finish(first.id);
      expect((await open()).planId).toBeNull();

      const during = await open({ direction: 'pull' });
      const dry = await open({ direction: 'pull', dryRun: true });
      await finish(during.id);
      await finish(dry.id);
      expect((await open({ direction: 'pull' })).planId).toBeNull();
    });

    it('are opened with the requested plan or not at all', async () => {
      const older = await aPlan();
      await aPlan();
      const other = await aPlan({ mode: 'full' });
      for (const planId of [other, uuidv7() as SyncId])
        await expect(open({ planId })).rejects.toThrow(PlanNotUsableError);
      expect(await store.listOpen({ venueId, connectionId: connection.id })).toEqual([]);
      expect((await open({ planId: older })).planId).toBe(older);
    });

    it('carry out no plan when they are dry runs', async () => {
      await aPlan();
      expect((await open({ dryRun: true })).planId).toBeNull();
    });
  });

  describe('on reopening', () => {
    const end = (id: SyncId, outcome: string) =>
      database.admin`update sync_runs set finished_at = now(), phase = 'finished', outcome = ${outcome}, error = '{"code":"internal","message":"m","nextAction":"n"}',
        stop_requested_at = now(), done = 7, checkpoint = '{"kind":"push","after":null}' where id = ${id}`;
    const phases = async (id: SyncId) =>
      (await store.listLog(venueId, id, { filter: { action: 'phase' }, page: { limit: 10, after: null } })).data.map(
        ({ code }) => code,
      );

    it.each(['failed', 'cancelled'])('are open again where they stopped after they %s', async (outcome) => {
      const { run } = await store.openOrJoin(aNewRun(connection));
      await end(run.id, outcome);
      await expect(store.reopen(venueId, run.id)).resolves.toMatchObject({
        id: run.id,
        phase: 'queued',
        outcome: null,
        error: null,
        finishedAt: null,
        done: 7,
      });
      const [row] =
        await database.admin`select stop_requested_at as stop, checkpoint from sync_runs where id = ${run.id}`;
      expect(row).toEqual({ stop: null, checkpoint: { kind: 'push', after: null } });
      expect(await phases(run.id)).toEqual(['queued', 'queued']);
      await expect(store.reopen(venueId, run.id)).resolves.toBeNull();
      expect(await phases(run.id)).toHaveLength(2);
    });

    it('must have failed or been cancelled, and belong to the venue', async () => {
      const { run } = await store.openOrJoin(aNewRun(connection));
      await expect(store.reopen(venueId, run.id)).resolves.toBeNull();
      await finish(run.id);
      await expect(store.reopen(venueId, run.id)).resolves.toBeNull();
      await end(run.id, 'failed');
      await expect(store.reopen(await aVenue(database.db), run.id)).resolves.toBeNull();
    });

    it('yield to another open run of the same sync and name it, but not to a dry run', async () => {
      const first = await store.openOrJoin(aNewRun(connection));
      await end(first.run.id, 'failed');
      const dry = await store.openOrJoin(aNewRun(connection, { dryRun: true }));
      const second = await store.openOrJoin(aNewRun(connection));
      await expect(store.reopen(venueId, first.run.id)).rejects.toMatchObject({
        name: OtherRunOpenError.name,
        openId: second.run.id,
      });
      await finish(second.run.id);
      await expect(store.reopen(venueId, first.run.id)).resolves.toMatchObject({ id: first.run.id });
      expect(dry.joined).toBe(false);
    });

    it('are never two when opened at the same moment', async () => {
      for (let round = 0; round < 10; round += 1) {
        const old = await store.openOrJoin(aNewRun(connection));
        await end(old.run.id, 'failed');
        await Promise.allSettled([
          store.reopen(venueId, old.run.id),
          store.openOrJoin(aNewRun(connection)),
          store.reopen(venueId, old.run.id),
        ]).then((results) => {
          for (const result of results)
            if (result.status === 'rejected') expect(result.reason).toBeInstanceOf(OtherRunOpenError);
        });
        const open = await store.listOpen({ venueId, connectionId: connection.id });
        expect(open).toHaveLength(1);
        await finish(open[0]!.id);
      }
    });
  });
});
