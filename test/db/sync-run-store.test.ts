import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { SyncId, VenueId } from '../../contracts/ids.ts';
import type { Connection } from '../../db/connection-store.ts';
import { createSyncRunStore } from '../../db/sync-run-store.ts';
import type { SyncRunStore } from '../../db/sync-run-store.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { aConnection, aNewRun, aVenue } from './builders.ts';

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

  const finish = (id: SyncId) => database.admin`update sync_runs set finished_at = now(), phase = 'finished', outcome = 'completed' where id = ${id}`;

  it('begin queued, with nothing done and one log row that says so', async () => {
    const { run, joined } = await store.openOrJoin(aNewRun(connection));
    expect(joined).toBe(false);
    expect(run).toMatchObject({
      ...{ venueId, connectionId: connection.id, provider: 'stripe', resource: 'customers', direction: 'push', mode: 'incremental', phase: 'queued' },
      ...{ outcome: null, error: null, waitingFor: null, done: 0, total: null, ratePerSecond: 0, providerCalls: 0, startedAt: null, finishedAt: null },
      counts: { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 },
      workflowId: `sync/${venueId}/${connection.id}/customers/push`,
      workflowRunId: null,
    });
    await expect(store.find(venueId, run.id)).resolves.toEqual(run);
    const { data } = await store.listLog(venueId, run.id, { filter: {}, page: { limit: 10, after: null } });
    expect(data).toMatchObject([{ level: 'info', action: 'phase', code: 'queued', recordId: null, message: null }]);
  });

  it('of one sync are opened once when many callers start it together, and the others join', async () => {
    const results = await Promise.all(Array.from({ length: 20 }, () => store.openOrJoin(aNewRun(connection))));
    expect(results.filter(({ joined }) => !joined)).toHaveLength(1);
    expect(new Set(results.map(({ run }) => run.id)).size).toBe(1);
    const logged = await store.listLog(venueId, results[0]!.run.id, { filter: {}, page: { limit: 10, after: null } });
    expect(logged.data).toHaveLength(1);
  });

  it('of another direction, or after the first has finished, are runs of their own', async () => {
    const first = await store.openOrJoin(aNewRun(connection));
    const other = await store.openOrJoin(aNewRun(connection, { direction: 'pull' }));
    expect(other).toMatchObject({ joined: false });
    await finish(first.run.id);
    const second = await store.openOrJoin(aNewRun(connection));
    expect(second.joined).toBe(false);
    expect(second.run.id).not.toBe(first.run.id);
  });

  it('can be started over and over while others finish them', async () => {
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
    const [row] = await database.admin`select count(*)::int as runs from sync_runs where connection_id = ${connection.id}`;
    expect(row?.['runs']).toBe(opened.size);
  });

  it('are listed newest first, per connection when asked', async () => {
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

  it('have a log that is filtered and paged in the order in which things happened', async () => {
    const { run } = await store.openOrJoin(aNewRun(connection));
    await database.admin`insert into sync_logs (venue_id, sync_id, level, action, source_id, code)
      select ${venueId}, ${run.id}, case when n % 2 = 0 then 'warn' else 'info' end, case when n % 2 = 0 then 'rejected' else 'created' end, 'c' || n, null
      from generate_series(1, 9) n`;
    const rejected = await store.listLog(venueId, run.id, { filter: { level: 'warn', action: 'rejected' }, page: { limit: 3, after: null } });
    const rest = await store.listLog(venueId, run.id, { filter: { level: 'warn', action: 'rejected' }, page: { limit: 3, after: rejected.next } });
    expect([...rejected.data, ...rest.data].map(({ sourceId }) => sourceId)).toEqual(['c2', 'c4', 'c6', 'c8']);
    expect(rest.next).toBeNull();
    expect(rejected.data[0]?.at).toBeInstanceOf(Date);
  });

  it('remember the run of their workflow', async () => {
    const { run } = await store.openOrJoin(aNewRun(connection));
    await store.setWorkflowRunId(venueId, run.id, 'run-1');
    await expect(store.find(venueId, run.id)).resolves.toMatchObject({ workflowRunId: 'run-1' });
    await expect(store.find(venueId, uuidv7() as SyncId)).resolves.toBeNull();
  });
});
