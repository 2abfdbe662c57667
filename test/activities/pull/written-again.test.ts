import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { RecordId } from '../../../contracts/ids.ts';
import type { Resource, SyncMode } from '../../../contracts/providers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { aCustomer, createSyncWorld } from '../../support/worlds/sync-world.ts';
import { products as productKind } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

let world: World;
let venue: TestVenue;

const recordsOf = (resource: Resource) =>
  listRecords(createRecordStore(world.database.db, RECORD_KINDS.get(resource)), venue.venueId, {
    filter: { includeDeleted: true },
    page: { limit: 50, after: null },
  }).then(({ data }) => data);
const pull = (mode: SyncMode = 'full', resource: Resource = 'customers') =>
  world.sync(venue, 'pull', mode, { resource });
const push = (mode: SyncMode = 'full', resource: Resource = 'customers') =>
  world.sync(venue, 'push', mode, { resource });
const load = (name = 'Customer 0') => world.customers.upsertMany(venue.venueId, [aCustomer(0, name)]);
const names = async () => (await world.stripe.customers<{ id: string; name: string }>()).map(({ name }) => name).sort();
const removeAtStripe = async () => {
  const [customer] = await world.stripe.customers();
  await world.callStripe('DELETE', `customers/${customer!.id}`);
  return customer!.id;
};
const creationKeys = async () =>
  (await world.stripe.calls())
    .filter(({ method, path, written }) => written && method === 'POST' && /^\/v1\/(customers|products)$/.test(path))
    .map(({ idempotencyKey }) => idempotencyKey)
    .filter((key) => key?.startsWith('il-c-'));

beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
});

describe('a record that its provider deleted and the venue wrote again', () => {
  const MODES = ['full', 'incremental'] as const;
  const link = async () =>
    (
      await world.database.admin<
        { state: string; external_id: string | null }[]
      >`select state, external_id from record_links where venue_id = ${venue.venueId}`
    )[0];
  const settled = async () => {
    expect(await world.stripe.customers()).toHaveLength(1);
    expect(await link()).toMatchObject({ state: 'linked' });
    const keys = await creationKeys();
    expect(new Set(keys).size).toBe(keys.length);
    expect(await push('full')).toMatchObject({ providerCalls: 0, counts: { unchanged: 1 } });
    expect((await pull('full')).counts).toMatchObject({ created: 0, archived: 0, updated: 0 });
    expect((await recordsOf('customers')).map(({ deletedAt }) => deletedAt)).toEqual([null]);
  };

  it.each(MODES.flatMap((pulled) => MODES.map((pushed) => [pulled, pushed] as const)))(
    'is recreated after a pull reported the deletion (%s pull, %s push)',
    async (pulled, pushed) => {
      await load();
      await push();
      await pull();
      const before = await removeAtStripe();
      expect((await pull(pulled)).counts).toMatchObject({ archived: 1 });
      expect(await load()).toEqual(['updated']);
      expect(await push(pushed)).toMatchObject({
        outcome: 'completed',
        counts: { created: 1, rejected: 0, unchanged: 0 },
      });
      expect(await names()).toEqual(['Customer 0']);
      expect((await link())?.external_id).not.toBe(before);
      await settled();
    },
  );

  it.each(MODES)(
    'is recreated by a pull, a load and a push when it was loaded unchanged before the deletion was known (%s)',
    async (mode) => {
      await load();
      await push();
      await removeAtStripe();
      expect(await load()).toEqual(['unchanged']);
      expect(await push(mode)).toMatchObject({ providerCalls: 0 });
      expect((await pull(mode)).counts).toMatchObject({ archived: 1 });
      expect(await load()).toEqual(['updated']);
      expect((await push(mode)).counts).toMatchObject({ created: 1, unchanged: 0, rejected: 0 });
      await settled();
    },
  );

  it.each(MODES)('is recreated when only the push notices (%s)', async (mode) => {
    await load();
    await push();
    await removeAtStripe();
    await load('Renamed');
    const run = await push(mode);
    expect(run).toMatchObject({ outcome: 'completed', counts: { created: 1, updated: 0, rejected: 0 } });
    expect(await names()).toEqual(['Renamed']);
    expect(await world.logOf(venue, run.syncId)).toMatchObject([
      { action: 'created', code: 'created-anew', level: 'warn' },
    ]);
    await settled();
  });

  it.each(MODES.flatMap((pulled) => MODES.map((pushed) => [pulled, pushed] as const)))(
    'survives a pull after the write (%s pull, %s push)',
    async (pulled, pushed) => {
      await load();
      await push();
      await pull();
      await removeAtStripe();
      await load('Renamed after the deletion');
      const run = await pull(pulled);
      expect(run.counts).toMatchObject({ archived: 0, conflicts: 1 });
      expect(await world.logOf(venue, run.syncId)).toMatchObject([
        { action: 'conflict', code: 'written-after-deletion', level: 'warn' },
      ]);
      expect(await recordsOf('customers')).toMatchObject([
        { name: 'Renamed after the deletion', deletedAt: null, links: [{ state: 'gone' }] },
      ]);
      expect((await push(pushed)).counts).toMatchObject({ created: 1, rejected: 0 });
      expect(await names()).toEqual(['Renamed after the deletion']);
      await settled();
    },
  );

  it('is deleted by a deletion after the write', async () => {
    await load();
    await push();
    await pull();
    await load('Renamed before the deletion');
    await world.stripe.clock(5_000);
    await removeAtStripe();
    expect((await pull('incremental')).counts).toMatchObject({ archived: 1, conflicts: 0 });
    expect(await recordsOf('customers')).toMatchObject([{ links: [{ state: 'gone' }] }]);
    expect((await push()).counts).toMatchObject({ created: 0, rejected: 0 });
    expect(await names()).toEqual([]);
  });

  it('is recreated each time, once, even when the answer is lost', async () => {
    await load();
    await push();
    for (const kind of ['commit-then-fail', 'reset', 'truncate']) {
      await removeAtStripe();
      await pull('incremental');
      await load();
      await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers$' }, times: 1, kind });
      const input = await world.open(venue, 'push', 'incremental');
      await world.begin(input);
      for (let status = ''; status !== 'done';)
        status = await world.chunk(input).then(
          (chunk) => chunk.status,
          () => 'failed',
        );
      await world.finish(input);
      expect(await names()).toEqual(['Customer 0']);
    }
    await settled();
  });

  it('is recreated once when the answer of a creation after a refused update is lost', async () => {
    await load();
    await push();
    await removeAtStripe();
    await load('Renamed');
    await world.stripe.fault({ match: { method: 'POST', path: '/v1/customers$' }, times: 1, kind: 'commit-then-fail' });
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    for (let status = ''; status !== 'done';)
      status = await world.chunk(input).then(
        (chunk) => chunk.status,
        () => 'failed',
      );
    await world.finish(input);
    expect(await names()).toEqual(['Renamed']);
    await settled();
  });

  it('is recreated once it is valid, when it was first loaded with an error', async () => {
    await load();
    await push();
    await removeAtStripe();
    await pull('incremental');
    await world.customers.upsertMany(venue.venueId, [{ ...aCustomer(0), phone: '0'.repeat(40) }]);
    expect((await push('incremental')).counts).toMatchObject({ rejected: 1, created: 0 });
    await load();
    expect((await push('incremental')).counts).toMatchObject({ rejected: 0, created: 1 });
    await settled();
  });

  it('is planned by a dry run exactly as the push then does it', async () => {
    await load();
    await push();
    await pull();
    await removeAtStripe();
    await pull('incremental');
    await load();
    const { syncId: planId, counts } = await world.sync(venue, 'push', 'full', { dryRun: true });
    expect(counts).toMatchObject({ created: 1, rejected: 0 });
    const run = await world.sync(venue, 'push', 'full', { planId });
    expect(run.counts).toMatchObject({ created: 1, rejected: 0 });
    expect(await world.runs.find(venue.venueId, run.syncId)).toMatchObject({ deviationCount: 0 });
  });

  it('is rejected, with nothing created, when the provider refuses the update because of another object', async () => {
    await load();
    await push();
    await load('Renamed');
    await world.stripe.fault({
      match: { method: 'POST', path: '/v1/customers/' },
      times: 1,
      kind: 'status',
      status: 404,
    });
    expect((await push()).counts).toMatchObject({ created: 0, rejected: 1 });
    expect(await names()).toEqual(['Customer 0']);
  });

  it('is recreated when it is an archived product that was deleted while archived', async () => {
    const products = createRecordStore(world.database.db, productKind);
    const loadProduct = () => products.upsertMany(venue.venueId, [{ sourceId: 'mug', name: 'Mug' }]);
    await loadProduct();
    await push('full', 'products');
    const [{ id }] = (await recordsOf('products')) as unknown as readonly [{ readonly id: RecordId }];
    for (const told of [false, true]) {
      await products.remove(venue.venueId, id);
      expect((await push('full', 'products')).counts).toMatchObject({ archived: 1 });
      const [remote] = (await world.callStripe<{ data: readonly { id: string; active: boolean }[] }>('GET', 'products'))
        .data;
      expect(remote).toMatchObject({ active: false });
      await world.callStripe('DELETE', `products/${remote!.id}`);
      if (told) await pull('incremental', 'products');
      await loadProduct();
      expect((await push('full', 'products')).counts).toMatchObject({ created: 1, rejected: 0 });
      expect((await world.callStripe<{ data: readonly { active: boolean }[] }>('GET', 'products')).data).toMatchObject([
        { active: true },
      ]);
    }
  });
});
