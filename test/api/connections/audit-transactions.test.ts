import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, SyncId, VenueId } from '../../../contracts/ids.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { aKey, createApiWorld } from '../api-world.ts';
import type { ApiWorld } from '../api-world.ts';

let api: ApiWorld;
let venueId: VenueId;
let connectionId: string;
let venue: string;

beforeAll(async () => {
  api = await createApiWorld();
});
afterAll(() => api.close());
beforeEach(async () => {
  venueId = await api.aVenue();
  connectionId = await api.aConnection(venueId);
  venue = `/v1/venues/${venueId}`;
});
afterEach(() => api.database.admin`alter table audit_log drop constraint if exists refuses_every_row`);

/** Makes every audit insert fail, as with a full disk or a process that dies between two transactions. */
const refuseAuditRows = () =>
  api.database.admin`alter table audit_log add constraint refuses_every_row check (false) not valid`;

/** Everything that is stored except the answers of requests. */
async function dump(): Promise<unknown> {
  const { admin } = api.database;
  const tables = await admin<{ name: string }[]>`
    select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and relname not in ('idempotency_keys', 'provider_budgets', 'provider_leases') order by relname`;
  return Promise.all(
    tables.map(async ({ name }) => [name, [...(await admin`select * from ${admin(name)} order by 1, 2`)]]),
  );
}

const aSync = () => ({ connectionId, resource: 'customers', direction: 'push', mode: 'full' });
const start = async () => (await api.send('POST', `${venue}/syncs`, { json: aSync() })).json.id;
const inputOf = (syncId: string): SyncConnectionInput => ({
  venueId,
  connectionId: connectionId as ConnectionId,
  provider: 'stripe',
  resource: 'customers',
  direction: 'push',
  mode: 'full',
  syncId: syncId as SyncId,
});
const fail = (syncId: string) =>
  api.progress.finish(inputOf(syncId), { outcome: 'failed', error: null, plan: null, watermark: null });
const customers = () => `${venue}/records/customers`;
const aCustomer = async () => {
  await api.send('POST', `${customers()}/batch`, { json: { records: [{ sourceId: 'a' }] } });
  return (await api.send('GET', customers())).json.data[0]!.id;
};

describe('a change whose audit row cannot be written', () => {
  it.each<[string, () => Promise<() => Promise<{ readonly status: number }>>]>([
    [
      'the creation of a venue',
      async () => () => api.send('POST', '/v1/venues', { json: { name: 'New', timeZone: 'UTC', currency: 'EUR' } }),
    ],
    ['the change of a venue', async () => () => api.send('PATCH', venue, { json: { name: 'Renamed' } })],
    [
      'a new key',
      async () => () => api.send('POST', `/v1/venues/${venueId}/connections`, { json: aKey(api.sandbox.secretKey) }),
    ],
    [
      'an attempt to connect by consent',
      async () => () =>
        api.send('POST', `/v1/venues/${venueId}/connections`, {
          json: { provider: 'square', environment: api.environmentOf('square') },
        }),
    ],
    [
      'the suspension of a connection',
      async () => () => api.send('POST', `${venue}/connections/${connectionId}/suspend`),
    ],
    [
      'the resumption of a connection',
      async () => {
        await api.send('POST', `${venue}/connections/${connectionId}/suspend`);
        return () => api.send('POST', `${venue}/connections/${connectionId}/resume`);
      },
    ],
    ['the start of a sync', async () => () => api.send('POST', `${venue}/syncs`, { json: aSync() })],
    [
      'the retry of a sync that has failed',
      async () => {
        const syncId = await start();
        await fail(syncId);
        return () => api.send('POST', `${venue}/syncs/${syncId}/retry`);
      },
    ],
    [
      'the deletion of a record',
      async () => {
        const id = await aCustomer();
        return () => api.send('DELETE', `${customers()}/${id}`);
      },
    ],
    [
      'a load of all or nothing',
      async () => () =>
        api.send('POST', `${customers()}/batch?atomic=true`, {
          json: { records: [{ sourceId: randomBytes(4).toString('hex') }] },
        }),
    ],
  ])('%s is rolled back, and its answer reports the failure', async (_change, arrange) => {
    const change = await arrange();
    const before = await dump();
    const started = api.gateway.started.length;
    await refuseAuditRows();
    expect((await change()).status).toBe(500);
    await api.database.admin`alter table audit_log drop constraint refuses_every_row`;
    expect(await dump()).toEqual(before);
    expect(api.gateway.started.length).toBe(started);
    const rows = async () =>
      Number((await api.database.admin`select count(*)::int as rows from audit_log`)[0]?.['rows']);
    const rowsBefore = await rows();
    expect((await change()).status).toBeLessThan(300);
    expect(await rows()).toBe(rowsBefore + 1);
  });

  it('that ends a run is rolled back, so that the retried step writes one audit row', async () => {
    const syncId = await start();
    const end = { outcome: 'completed', error: null, plan: null, watermark: null } as const;
    const finish = () =>
      api.progress.finish(inputOf(syncId), end, ({ outcome }) => ({
        venueId,
        actor: 'syncConnection',
        action: 'sync.finished',
        targetType: 'sync',
        targetId: syncId,
        outcome: 'ok',
        requestId: null,
        details: { outcome },
      }));
    await refuseAuditRows();
    await expect(finish()).rejects.toThrow();
    await api.database.admin`alter table audit_log drop constraint refuses_every_row`;
    expect(await api.runs.find(venueId, syncId as SyncId)).toMatchObject({ outcome: null, finishedAt: null });
    await finish();
    // Simulates that the step's answer was lost and Temporal retries it.
    await finish();
    const rows = await api.database
      .admin`select details from audit_log where action = 'sync.finished' and target_id = ${syncId}`;
    expect([...rows]).toEqual([{ details: { outcome: 'completed' } }]);
  });
});
