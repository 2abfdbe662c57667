import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import type { SyncId, VenueId } from '../../../contracts/ids.ts';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { PlanNotUsableError } from '../../../db/runs/sync-run-opening.ts';
import type { NewSyncRun } from '../../../db/runs/sync-run-opening.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import type { SyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';

describe('sync runs of a request with a key', () => {
  let database: TestDatabase;
  let store: SyncRunStore;
  let venueId: VenueId;
  let connection: Connection;
  let requestKey: string;
  beforeAll(async () => {
    database = await createTestDatabase();
    store = createSyncRunStore(database.db);
    venueId = await aVenue(database.db);
  });
  beforeEach(async () => {
    connection = await aConnection(database.db, venueId);
    requestKey = uuidv7();
  });
  afterAll(() => database.drop());

  const finish = (id: SyncId) =>
    database.admin`update sync_runs set finished_at = now(), phase = 'finished', outcome = 'completed' where id = ${id}`;
  const ask = (requestKey: string, changes: Partial<NewSyncRun> = {}) =>
    store.openOrJoin(aNewRun(connection, { requestKey, ...changes }));
  const runs = async () =>
    Number(
      (await database.admin`select count(*)::int as runs from sync_runs where connection_id = ${connection.id}`)[0]?.[
        'runs'
      ],
    );

  it('are one: a repeated request gets the run that it opened, even when that is over', async () => {
    const { run, fresh } = await ask(requestKey);
    expect(fresh).toBe(true);
    await expect(ask(requestKey)).resolves.toMatchObject({ run: { id: run.id }, joined: false, fresh: false });
    await finish(run.id);
    await expect(ask(requestKey)).resolves.toMatchObject({
      run: { id: run.id, outcome: 'completed' },
      joined: false,
      fresh: false,
    });
    await expect(store.findByRequest(venueId, requestKey)).resolves.toMatchObject({ id: run.id });
    expect(await runs()).toBe(1);
  });

  it('are one when the request is sent many times at once while others finish the run', async () => {
    const results = await Promise.all(
      Array.from({ length: 12 }, async () => {
        const result = await ask(requestKey);
        await finish(result.run.id);
        return result;
      }),
    );
    expect(results.filter(({ fresh }) => fresh)).toHaveLength(1);
    expect(results.filter(({ joined }) => joined)).toEqual([]);
    expect(new Set(results.map(({ run }) => run.id)).size).toBe(1);
    expect(await runs()).toBe(1);
  });

  it('are joined by other requests, each of which opens its own once the run is over', async () => {
    const { run } = await ask(requestKey);
    const other = uuidv7();
    await expect(ask(other)).resolves.toMatchObject({ run: { id: run.id }, joined: true, fresh: false });
    await expect(store.findByRequest(venueId, other)).resolves.toBeNull();
    await finish(run.id);
    const second = await ask(other);
    expect(second).toMatchObject({ joined: false, fresh: true });
    await expect(ask(requestKey)).resolves.toMatchObject({ run: { id: run.id }, joined: false });
    await expect(ask(other)).resolves.toMatchObject({ run: { id: second.run.id }, joined: false });
  });

  it('are two for two venues with the same key, and neither venue finds the other’s', async () => {
    const theirs = await aConnection(database.db, await aVenue(database.db));
    const { run: ours } = await ask(requestKey);
    const { run, fresh } = await store.openOrJoin(aNewRun(theirs, { requestKey }));
    expect(fresh).toBe(true);
    await expect(store.findByRequest(venueId, requestKey)).resolves.toMatchObject({ id: ours.id });
    await expect(store.findByRequest(theirs.venueId, requestKey)).resolves.toMatchObject({ id: run.id });
  });

  it('keep the requested plan on a repeat, which is not told that the plan is already used', async () => {
    const dry = await store.openOrJoin(aNewRun(connection, { dryRun: true }));
    await finish(dry.run.id);
    const { run } = await ask(requestKey, { planId: dry.run.id });
    expect(run.planId).toBe(dry.run.id);
    await finish(run.id);
    await expect(ask(requestKey, { planId: dry.run.id })).resolves.toMatchObject({
      run: { id: run.id },
      joined: false,
    });
    await expect(ask(uuidv7(), { planId: dry.run.id })).rejects.toThrow(PlanNotUsableError);
  });

  it('are found for 7 days; after that the same key is a new request', async () => {
    const { run } = await ask(requestKey);
    await finish(run.id);
    await database.admin`update sync_runs set created_at = now() - interval '7 days' + interval '1 minute' where id = ${run.id}`;
    await expect(ask(requestKey)).resolves.toMatchObject({ run: { id: run.id } });
    await database.admin`update sync_runs set created_at = now() - interval '7 days' - interval '1 second' where id = ${run.id}`;
    await expect(store.findByRequest(venueId, requestKey)).resolves.toBeNull();
    const second = await ask(requestKey);
    expect(second.fresh).toBe(true);
    await expect(store.findByRequest(venueId, requestKey)).resolves.toMatchObject({ id: second.run.id });
    await expect(store.find(venueId, run.id)).resolves.toMatchObject({ id: run.id, outcome: 'completed' });
  });
});
