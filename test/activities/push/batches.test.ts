import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Resource } from '../../../contracts/providers.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { aCustomer } from '../../support/worlds/sync-world.ts';
import { aProduct, createSquareSyncWorld } from './square-world.ts';
import type { SquareSyncWorld, SquareVenue } from './square-world.ts';

let world: SquareSyncWorld;
let venue: SquareVenue;
beforeAll(async () => {
  world = await createSquareSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  world.proxy.edit(null);
  await world.square.clearFaults();
  await world.square.limits({ searchDelayMs: 0 });
  venue = await world.aSquareVenue();
});

type Wire = Readonly<Record<string, unknown>> & { readonly id: string };
const items = async () =>
  (await venue.merchant.objects<Wire>('catalogue')).filter(
    (one) => one['type'] === 'ITEM' && one['is_deleted'] !== true,
  );
const namesOf = async () => (await items()).map((one) => (one['item_data'] as { readonly name: string }).name);
const upserts = () => world.callsTo(venue, '/catalog/batch-upsert');
const load = (count: number, more: (index: number) => object = () => ({})) =>
  world.products.upsertMany(
    venue.venueId,
    Array.from({ length: count }, (_, index) => aProduct(index, more(index))),
  );
const push = (resource: Resource = 'products', mode: 'full' | 'incremental' = 'full') =>
  world.sync(venue, 'push', mode, { resource });
const rejections = async (syncId: SyncConnectionInput['syncId']) => {
  const page = { limit: 50, after: null };
  return (await world.runs.listLog(venue.venueId, syncId, { filter: { action: 'rejected' }, page })).data;
};
const inVenue = <Row extends Record<string, unknown>>(statement: SQL) =>
  withVenue(world.database.db, venue.venueId, (tx) => tx.execute<Row>(statement));
/** As if the writes had been sent two hours ago. */
async function sentLongAgo() {
  await inVenue(sql`update record_links set created_at = created_at - interval '2 hours'`);
  await inVenue(sql`update products set updated_at = updated_at - interval '3 hours'`);
}

async function begun(resource: Resource = 'products') {
  const input = await world.open(venue, 'push', 'full', { resource });
  await world.begin(input);
  return input;
}
/** Chunk after chunk until the run is done, as Temporal repeats one that fails; answers how many failed. */
async function persist(input: SyncConnectionInput): Promise<number> {
  for (let failures = 0; failures < 10;) {
    const status = await world.chunk(input).then(
      (chunk) => chunk.status,
      () => 'failed',
    );
    if (status === 'done') return failures;
    if (status === 'failed') failures += 1;
  }
  throw new Error('the push does not end');
}

describe('a batch that Square refuses', () => {
  it('for one record is cut until that record is named, and all others are written once', async () => {
    await load(1_000, (index) => (index === 617 ? { currency: 'JPY' } : {}));
    const { syncId, ...run } = await push();
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { created: 999, rejected: 1 } });
    expect(await rejections(syncId)).toMatchObject([{ sourceId: 'p-617', code: 'INVALID_VALUE' }]);
    expect((await rejections(syncId))[0]?.message).toContain('price_money.currency');
    const names = await namesOf();
    expect([names.length, new Set(names).size]).toEqual([999, 999]);
    // Two halves a level, down to the one.
    expect((await upserts()).length).toBeLessThanOrEqual(1 + 2 * 10);
  });

  it('for a stale version of one item in 1,000 reads that item again, merges, and writes all', async () => {
    await load(1_000);
    await push();
    await load(1_000, (index) => ({ amountMinor: 5_000 + index }));
    const before = (await upserts()).length;
    const [one] = await items();
    let changed = 0;
    world.proxy.edit(async ({ path }) => {
      if (path !== '/v2/catalog/batch-retrieve' || changed > 0) return;
      changed += 1;
      const { object } = await venue.merchant.client.catalog.object.get({ objectId: one?.id ?? '' });
      if (object?.type !== 'ITEM') throw new Error('an item');
      const itemData = { ...object.itemData, kitchenName: 'KEPT' };
      await venue.merchant.client.catalog.object.upsert({
        idempotencyKey: randomUUID(),
        object: { ...object, itemData },
      });
    });
    expect(await push()).toMatchObject({ outcome: 'completed', counts: { updated: 1_000, rejected: 0 } });
    expect((await upserts()).length - before).toBe(2);
    const kept = (await items()).find(({ id }) => id === one?.id);
    expect(kept?.['item_data']).toMatchObject({ kitchen_name: 'KEPT' });
    expect(await venue.merchant.objects<Wire>('catalogue')).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          item_variation_data: expect.objectContaining({
            item_id: one?.id,
            price_money: expect.objectContaining({ amount: expect.any(Number) as number }) as object,
          }) as object,
        }),
      ]),
    );
  });

  it('for a version that is stale at every attempt names the record, and writes the others', async () => {
    await load(8);
    await push();
    await load(8, (index) => ({ amountMinor: 5_000 + index }));
    const [one] = await items();
    const variation = (await venue.merchant.objects<Wire>('catalogue')).find(
      (object) => (object['item_variation_data'] as Wire | undefined)?.['item_id'] === one?.id,
    );
    world.proxy.edit((answer) => {
      const { objects } = answer.body as { objects?: { id: string; version: number }[] };
      if (answer.path !== '/v2/catalog/batch-retrieve') return;
      for (const object of objects ?? []) if (object.id === one?.id) object.version -= 1;
    });
    const { syncId, ...run } = await push();
    expect(run).toMatchObject({ outcome: 'completed-with-rejections', counts: { updated: 7, rejected: 1 } });
    expect(await rejections(syncId)).toMatchObject([{ externalId: variation?.id, code: 'provider-keeps-failing' }]);
  });

  it('with a page in place of JSON, or a bare 403, leaves every record for the next attempt', async () => {
    await load(20);
    const input = await begun();
    for (const fault of [{ kind: 'html' }, { kind: 'status', status: 403, body: 'html' }]) {
      await world.square.fault({ ...fault, match: { path: '/v2/catalog/batch-upsert' }, times: 1 });
      await expect(world.chunk(input)).rejects.toMatchObject({ type: 'ProviderUnexpectedResponse' });
    }
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    expect(await world.finish(input)).toMatchObject({ counts: { created: 20, rejected: 0 } });
    expect(await items()).toHaveLength(20);
  });
});

describe('a batch whose outcome is unknown', () => {
  const loseAnswer = () =>
    world.square.fault({ kind: 'commit-then-fail', match: { path: '/v2/catalog/batch-upsert' }, times: 1 });

  it('is repeated under its key with the same records, and doubles none', async () => {
    await load(1_000);
    await loseAnswer();
    const input = await begun();
    expect(await persist(input)).toBe(1);
    expect(await world.finish(input)).toMatchObject({ outcome: 'completed', counts: { created: 1_000 } });
    expect(await items()).toHaveLength(1_000);
    expect(await upserts()).toHaveLength(2);
    const searched = await world.callsTo(venue, '/catalog/search-catalog-items');
    expect(searched).toEqual([]);
  });

  it('is looked up by our own reference once a record of it has changed, and not before Square’s search shows what was written', async () => {
    await load(6);
    await loseAnswer();
    await world.square.limits({ searchDelayMs: 60_000 });
    const input = await begun();
    await expect(world.chunk(input)).rejects.toThrow();
    await world.products.upsertMany(venue.venueId, [aProduct(3, { name: 'Renamed' })]);
    await expect(world.chunk(input)).rejects.toMatchObject({
      nextRetryDelay: expect.any(Number) as number,
      details: [{ code: 'search-lags' }],
    });
    expect(await items()).toHaveLength(6);
    await world.square.limits({ searchDelayMs: 0 });
    expect(await persist(input)).toBe(0);
    expect(await items()).toHaveLength(6);
    expect(await namesOf()).toContain('Renamed');
  });

  it('is looked up by our own reference once Square has forgotten its key', async () => {
    await load(6);
    await loseAnswer();
    const input = await begun();
    await expect(world.chunk(input)).rejects.toThrow();
    await world.square.send('POST', '/forget-idempotency-keys', { account: venue.merchant.id });
    await sentLongAgo();
    expect(await persist(input)).toBe(0);
    expect(await world.finish(input)).toMatchObject({ counts: { created: 6, rejected: 0 } });
    expect(await items()).toHaveLength(6);
  });

  it('of an update is read again, and what has been written is not written twice', async () => {
    await load(50);
    await push();
    await load(50, (index) => ({ amountMinor: 5_000 + index }));
    await loseAnswer();
    const input = await begun();
    expect(await persist(input)).toBe(1);
    expect(await world.finish(input)).toMatchObject({ outcome: 'completed', counts: { updated: 50 } });
    const changes = await venue.merchant.objects<Wire>('side-effects');
    expect(changes.filter(({ kind }) => kind === 'price-change')).toHaveLength(50);
  });

  it('has marked its own records with its key, and none that was only read', async () => {
    await load(2_100);
    const input = await begun();
    await world.square.fault({ kind: 'status', status: 503, match: { path: '/v2/catalog' } });
    await expect(world.chunk(input)).rejects.toThrow();
    const [marks] = await inVenue<{ all: number; withKey: number }>(
      sql`select count(*)::int as all, count(batch_key)::int as "withKey" from record_links`,
    );
    expect(marks?.all).toBeGreaterThan(0);
    expect(marks?.withKey).toBe(marks?.all);
    await world.square.clearFaults();
    expect(await persist(input)).toBe(0);
    expect(await world.finish(input)).toMatchObject({ counts: { created: 2_100 } });
    expect(await items()).toHaveLength(2_100);
  });
});

describe('batches of a push', () => {
  it('hold 1,000 products, 100 customers and 100 counts, and a second push makes no call', async () => {
    await load(2_100);
    await world.customers.upsertMany(
      venue.venueId,
      Array.from({ length: 250 }, (_, index) => ({ ...aCustomer(index), phone: null })),
    );
    expect(await push()).toMatchObject({ counts: { created: 2_100 } });
    expect(await upserts()).toHaveLength(3);
    expect(await push('customers')).toMatchObject({ counts: { created: 250 } });
    expect(await world.callsTo(venue, '/customers/bulk-create')).toHaveLength(3);
    const [location = ''] = (await venue.merchant.client.locations.list()).locations?.map(({ id }) => id ?? '') ?? [];
    await world.inventory.upsertMany(
      venue.venueId,
      Array.from({ length: 250 }, (_, index) => ({
        ...{ sourceId: `i-${index}`, productSourceId: `p-${index}`, location },
        ...{ quantity: String(index + 1), countedAt: new Date().toISOString() },
      })),
    );
    expect(await push('inventory')).toMatchObject({ counts: { created: 250, rejected: 0 } });
    expect(await world.callsTo(venue, '/inventory/changes/batch-create')).toHaveLength(3);
    const before = (await venue.merchant.calls()).length;
    for (const resource of ['products', 'customers', 'inventory'] as const)
      expect(await push(resource)).toMatchObject({ counts: { created: 0, updated: 0 } });
    expect((await venue.merchant.calls()).length).toBe(before);
  });

  it('are what a dry run counts', async () => {
    await load(1_200);
    const plan = await world.sync(venue, 'push', 'full', { resource: 'products', dryRun: true });
    const [run] = await inVenue<{ calls: number }>(
      sql`select (plan ->> 'calls')::int as calls from sync_runs where id = ${plan.syncId}`,
    );
    expect(run?.calls).toBe(2);
  });

  it('and idle runs in both directions, five of each, write nothing and cause nothing', async () => {
    await load(30);
    await push();
    await world.sync(venue, 'pull', 'full', { resource: 'products' });
    await venue.merchant.seed('counts', 10);
    await world.sync(venue, 'pull', 'full', { resource: 'inventory' });
    const written = async () => (await venue.merchant.calls()).filter((call) => call.written).length;
    const before = [await written(), await venue.merchant.objects('side-effects')];
    for (let run = 0; run < 5; run += 1) {
      for (const resource of ['products', 'inventory'] as const) {
        expect(await push(resource)).toMatchObject({ counts: { created: 0, updated: 0, archived: 0, rejected: 0 } });
        await world.sync(venue, 'pull', run % 2 === 0 ? 'full' : 'incremental', { resource });
      }
    }
    expect([await written(), await venue.merchant.objects('side-effects')]).toEqual(before);
  });
});
