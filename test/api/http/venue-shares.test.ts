import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isDatabaseBusy } from '../../../db/core/outage.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { VenueBusyError } from '../../../db/core/venue-busy-error.ts';
import { openDatabase, withVenue } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { aKey, createApiWorld, WIDE_LIMITS } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';
import { customers } from '../../../records/customers.ts';

let api: ApiWorld;

beforeAll(async () => {
  api = await createApiWorld({
    config: {
      rateLimits: { ...WIDE_LIMITS, startsPerVenuePerMinute: 3, connectingPerVenuePerTenMinutes: 3 },
      venueShares: {
        atomicLoads: 2,
        eventStreams: 1,
        databaseConnections: 8,
        startsPerSecond: 10,
        timeMsPerSecond: 400,
      },
    },
  });
});
afterAll(() => api.close());

describe('the pool of database connections', () => {
  it('keeps connections for other venues while one venue’s requests wait for its own locks', async () => {
    const db = openDatabase({
      url: api.database.url,
      maxConnections: 4,
      connectionsPerVenue: 3,
      applicationName: 'shares',
    });
    const [a, b] = [await api.aVenue(), await api.aVenue()];
    const records = createRecordStore(db, customers);
    await records.upsertMany(a, [{ sourceId: 'locked' }]);
    const locked = Promise.withResolvers<undefined>();
    const letGo = Promise.withResolvers<undefined>();
    const holding = api.database.admin.begin(async (tx) => {
      await tx`select from customers where venue_id = ${a} for update`;
      locked.resolve(undefined);
      await letGo.promise;
    });
    await locked.promise;
    const waiting = Array.from({ length: 10 }, (_, index) =>
      records.upsertMany(a, [{ sourceId: 'locked', name: `${index}` }]),
    );
    expect(await records.upsertMany(b, [{ sourceId: 'free' }])).toEqual(['created']);
    letGo.resolve(undefined);
    await holding;
    expect(await Promise.all(waiting)).toHaveLength(10);
    await db.$client.end();
  });

  it.each([
    [
      'a lock',
      { lockMs: 500 },
      async (db: Database, venue: Parameters<typeof withVenue>[1]) =>
        withVenue(db, venue, (tx) => tx.execute(sql`select pg_advisory_xact_lock(4711)`)),
    ],
    [
      'a statement',
      { statementMs: 500 },
      async (db: Database, venue: Parameters<typeof withVenue>[1]) =>
        withVenue(db, venue, (tx) => tx.execute(sql`select pg_sleep(60)`)),
    ],
  ] as const)('stops waiting for %s in time, and answers that the database is busy', async (_case, timeouts, work) => {
    const db = openDatabase({ url: api.database.url, maxConnections: 2, timeouts, applicationName: 'timeouts' });
    const venue = await api.aVenue();
    await api.database.admin.begin(async (tx) => {
      await tx`select pg_advisory_xact_lock(4711)`;
      const error = await work(db, venue).then(
        () => null,
        (thrown: unknown) => thrown,
      );
      expect(isDatabaseBusy(error)).toBe(true);
    });
    expect(await withVenue(db, venue, () => Promise.resolve('works again'))).toBe('works again');
    await db.$client.end();
  });

  it('ends an idle transaction, and continues', async () => {
    const db = openDatabase({
      url: api.database.url,
      maxConnections: 1,
      timeouts: { idleInTransactionMs: 500 },
      applicationName: 'idle',
    });
    const venue = await api.aVenue();
    await expect(
      withVenue(db, venue, async (tx) => {
        await api.database.admin`select pg_sleep(1.5)`;
        await tx.execute(sql`select 1`);
      }),
    ).rejects.toThrow();
    expect(await withVenue(db, venue, () => Promise.resolve('works again'))).toBe('works again');
    await db.$client.end();
  });

  it('answers that the database is busy when the venue uses its whole share', () => {
    expect(isDatabaseBusy(new VenueBusyError())).toBe(true);
  });
});

describe('what one venue may start', () => {
  it('is limited for attempts to connect, separately from other venues', async () => {
    const [a, b] = [await api.aVenue(), await api.aVenue()];
    const connect = (venue: string) =>
      api.send('POST', `/v1/venues/${venue}/connections`, {
        json: { provider: 'square', environment: api.environmentOf('square') },
      });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await connect(a)).status);
    expect(statuses).toEqual([201, 201, 201, 429]);
    expect(await connect(a)).toMatchObject({ json: { code: 'rate-limited' } });
    expect((await connect(b)).status).toBe(201);
  });

  it('is limited for runs', async () => {
    const venue = await api.aVenue();
    const connectionId = await api.aConnection(venue);
    const start = () =>
      api.send('POST', `/v1/venues/${venue}/syncs`, {
        json: { connectionId, resource: 'customers', direction: 'pull', mode: 'full' },
      });
    const statuses: number[] = [];
    for (let attempt = 0; attempt < 4; attempt += 1) statuses.push((await start()).status);
    expect(statuses).toEqual([202, 200, 200, 429]);
  });

  it('is limited for event streams, of which each venue has a share', async () => {
    const watch = async (venue: string) => {
      const connectionId = (
        await api.send('POST', `/v1/venues/${venue}/connections`, { json: aKey(api.sandbox.secretKey) })
      ).json.id;
      const run = await api.send('POST', `/v1/venues/${venue}/syncs`, {
        json: { connectionId, resource: 'customers', direction: 'pull', mode: 'full' },
      });
      return () => api.raw('GET', `/v1/venues/${venue}/syncs/${run.json.id}/events`);
    };
    const [a, b] = [await watch(await api.aVenue()), await watch(await api.aVenue())];
    const open = await a();
    const refused = await a();
    expect([open.status, refused.status]).toEqual([200, 503]);
    const other = await b();
    expect(other.status).toBe(200);
    for (const response of [open, refused, other]) await response.body?.cancel();
  });
});
