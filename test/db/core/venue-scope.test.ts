import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { createConnectionStore } from '../../../db/connections/connection-store.ts';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { defineRecordTable } from '../../../db/schema/records/record-table.ts';
import { customers as customersKind } from '../../../records/customers.ts';
import { venues } from '../../../db/schema/venues.ts';
import { openDatabase, withReach, withVenue } from '../../../db/core/venue-scope.ts';
import { createVenueStore, listVenues } from '../../../db/core/venue-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';
import { rowsRead } from './query-plan.ts';
import type { QueryPlan } from './query-plan.ts';

const customers = defineRecordTable(customersKind);

const FIRST_PAGE = { limit: 50, after: null };

describe('the scope of a venue', () => {
  let database: TestDatabase;
  let mine: VenueId;
  let theirs: VenueId;
  let connection: Connection;
  beforeAll(async () => {
    database = await createTestDatabase();
    mine = await aVenue(database.db);
    theirs = await aVenue(database.db);
    connection = await aConnection(database.db, mine);
    await createRecordStore(database.db, customersKind).upsertMany(mine, [
      { sourceId: 'c1', name: 'Ada', metadata: {} },
    ]);
    await createSyncRunStore(database.db).openOrJoin(aNewRun(connection));
    await createAuditStore(database.db).record({
      venueId: mine,
      actor: 'alice',
      action: 'venue.created',
      targetType: 'venue',
      targetId: mine,
      outcome: 'ok',
      requestId: null,
    });
  });
  afterAll(() => database.drop());

  it('hides the rows of every table from another venue', async () => {
    for (const table of ['connections', 'venue_api_keys', 'customers', 'sync_runs', 'sync_logs', 'audit_log']) {
      const count = (venueId: VenueId) =>
        withVenue(database.db, venueId, (tx) =>
          tx.execute(sql`select count(*)::int as rows from ${sql.identifier(table)}`),
        );
      expect({ table, rows: [...(await count(mine))] }).toEqual({ table, rows: [{ rows: 1 }] });
      expect({ table, rows: [...(await count(theirs))] }).toEqual({ table, rows: [{ rows: 0 }] });
    }
  });

  it('prevents another venue from changing or deleting a row', async () => {
    await withVenue(database.db, theirs, async (tx) => {
      expect(await tx.update(customers).set({ name: 'Eve' }).returning()).toEqual([]);
      expect(await tx.delete(customers).returning()).toEqual([]);
    });
    expect(await database.admin`select name from customers`).toEqual([{ name: 'Ada' }]);
  });

  it('rejects a row for another venue, and moving a row to one', async () => {
    const values = { id: connection.id as never, venueId: theirs, sourceId: 'smuggled', metadata: {} };
    await expect(withVenue(database.db, mine, (tx) => tx.insert(customers).values(values))).rejects.toMatchObject({
      cause: { code: '42501' },
    });
    await expect(
      withVenue(database.db, mine, (tx) => tx.update(customers).set({ venueId: theirs })),
    ).rejects.toMatchObject({ cause: { code: '42501' } });
  });

  it('rejects a query without a venue, even on a connection that has served one', async () => {
    const unscoped = () => database.db.select().from(customers);
    for (let attempt = 0; attempt < 20; attempt += 1) {
      await expect(unscoped()).rejects.toThrow();
      await withVenue(database.db, mine, (tx) => tx.select().from(customers));
    }
  });

  it('does not leak from one transaction into a concurrent one', async () => {
    const seen = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        withVenue(database.db, index % 2 ? mine : theirs, (tx) => tx.select().from(customers)),
      ),
    );
    expect(seen.map((rows) => rows.length)).toEqual(seen.map((_, index) => index % 2));
  });

  it('lets nobody rewrite the audit log', async () => {
    await expect(
      withVenue(database.db, mine, (tx) => tx.execute(sql`update audit_log set actor = 'nobody'`)),
    ).rejects.toMatchObject({ cause: { code: '42501' } });
    await expect(withVenue(database.db, mine, (tx) => tx.execute(sql`delete from audit_log`))).rejects.toMatchObject({
      cause: { code: '42501' },
    });
  });

  it('removes an audit event when its change is rolled back', async () => {
    const audit = createAuditStore(database.db);
    const failing = withVenue(database.db, theirs, async (tx) => {
      await audit.recordIn(tx, {
        venueId: theirs,
        actor: 'alice',
        action: 'connection.connected',
        targetType: 'connection',
        targetId: 'x',
        outcome: 'ok',
        requestId: 'r1',
        details: { scopes: 2 },
      });
      throw new Error('the change failed');
    });
    await expect(failing).rejects.toThrow('the change failed');
    expect(await database.admin`select 1 from audit_log where venue_id = ${theirs}`).toEqual([]);
  });

  it('treats another venue’s data as non-existent', async () => {
    const connections = createConnectionStore(database.db);
    const runs = createSyncRunStore(database.db);
    const [run] = (await runs.list(mine, {}, FIRST_PAGE)).data;
    await expect(connections.find({ venueId: theirs, connectionId: connection.id })).resolves.toBeNull();
    await expect(connections.findApiKey({ venueId: theirs, connectionId: connection.id })).resolves.toBeNull();
    await expect(connections.list(theirs, FIRST_PAGE)).resolves.toEqual({ data: [], next: null, isCut: false });
    await expect(runs.find(theirs, run!.id)).resolves.toBeNull();
    await expect(runs.listLog(theirs, run!.id, { filter: {}, page: FIRST_PAGE })).resolves.toEqual({
      data: [],
      next: null,
      isCut: false,
    });
  });

  it('opens no run on another venue’s connection', async () => {
    await expect(
      createSyncRunStore(database.db).openOrJoin({ ...aNewRun(connection, { direction: 'pull' }), venueId: theirs }),
    ).rejects.toThrow(/no such connection/);
  });
});

describe('the reach of a token', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('covers the named venues, or all of them for *, and no records inside them', async () => {
    const store = createVenueStore(database.db);
    const [one, two, three] = [await aVenue(database.db), await aVenue(database.db), await aVenue(database.db)];
    await createRecordStore(database.db, customersKind).upsertMany(one, [{ sourceId: 'c1' }]);

    const ids = async (reach: Parameters<typeof store.list>[0]) =>
      (await store.list(reach, FIRST_PAGE)).data.map((venue) => venue.id);
    expect(await ids([one, three])).toEqual([one, three]);
    expect(await ids('*')).toEqual([one, two, three]);
    expect(await ids([])).toEqual([]);
    await expect(store.find([one], two)).resolves.toBeNull();
    await expect(withReach(database.db, '*', (tx) => tx.select().from(customers))).rejects.toThrow();
  });

  it('of many venues reads only the rows of those venues', async () => {
    await database.admin`insert into venues (id, name, time_zone, currency) select gen_random_uuid(), 'x', 'Europe/Berlin', 'EUR' from generate_series(1, 3000)`;
    await database.admin`analyze venues`;
    const rows = await database.admin<{ id: VenueId }[]>`select id from venues order by random() limit 280`;
    const reach = rows.map(({ id }) => id);
    const [row] = await withReach(database.db, reach, (tx) =>
      tx.execute<QueryPlan>(
        sql`explain (analyze, format json) ${listVenues(tx, reach, { limit: 50, after: null }).getSQL()}`,
      ),
    );
    const plan = row!['QUERY PLAN'][0].Plan;
    expect(plan['Actual Rows']).toBe(51);
    expect(Math.max(...rowsRead(plan))).toBeLessThanOrEqual(reach.length);
  });

  it('waits for a share of the connections, so that one token cannot take all of them', async () => {
    const db = openDatabase({ url: database.url, maxConnections: 4, connectionsPerVenue: 2, applicationName: 'test' });
    const [one, two] = [await aVenue(database.db), await aVenue(database.db)];
    const { promise: held, resolve: letGo } = Promise.withResolvers<null>();
    let inside = 0;
    const greedy = Array.from({ length: 6 }, () =>
      withReach(db, [one, two], async () => {
        inside += 1;
        await held;
      }),
    );
    try {
      expect(await createVenueStore(db).find([one], one)).not.toBeNull();
      expect((await createVenueStore(db).list([two], FIRST_PAGE)).data).toHaveLength(1);
      await expect.poll(() => inside).toBe(2);
    } finally {
      letGo(null);
      await Promise.all(greedy);
      await db.$client.end();
    }
    expect(inside).toBe(6);
  });

  it('does not allow a change of a venue from outside it', async () => {
    const [one, two] = [await aVenue(database.db), await aVenue(database.db)];
    await withReach(database.db, [one], async (tx) => {
      expect(await tx.update(venues).set({ name: 'Taken over' }).where(eq(venues.id, two)).returning()).toEqual([]);
    });
  });
});
