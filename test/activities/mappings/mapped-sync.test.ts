import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MappingRule } from '../../../domain/mapping/mapping.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { products } from '../../../records/products.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

interface StripeProduct {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

const OURS = ['interlock_record_id', 'interlock_source_id', 'interlock_sku', 'interlock_taxable'];
const own = (metadata: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(metadata).filter(([key]) => !OURS.includes(key)));

const NOTE = { target: 'description', source: 'metadata.note' };
const SEASON = {
  target: 'metadata.saison',
  source: 'metadata.season',
  values: { summer: 'Sommer', winter: 'Winter' },
};
const LABEL = { target: 'metadata.label', expression: 'name & " (" & sku & ")"' };

describe('a sync with a field mapping', () => {
  let world: World;
  let venue: TestVenue;
  let store: ReturnType<typeof createRecordStore<typeof products>>;

  beforeAll(async () => {
    world = await createSyncWorld();
    store = createRecordStore(world.database.db, products);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  async function map(...rules: readonly (Partial<MappingRule> & { readonly target: string })[]): Promise<void> {
    const fields = rules.map((rule) => ({ direction: 'both' as const, policy: 'venue' as const, ...rule }));
    const ref = { ...venue, resource: 'products' };
    const proposed = await world.mappings.propose(ref, { definition: { fields }, createdBy: 'test' });
    await world.mappings.activate(ref, proposed?.version ?? 0);
  }
  const load = (fields: object, sourceId = 'p-1') =>
    store.upsertMany(venue.venueId, [{ sourceId, name: 'Cold brew', sku: 'CB-1', ...fields }]);
  const record = async (sourceId = 'p-1') => (await store.findBySourceIds(venue.venueId, [sourceId]))[0];
  const remote = async () =>
    (await world.callStripe<{ data: readonly StripeProduct[] }>('GET', 'products?limit=10')).data[0];
  const sync = (direction: 'push' | 'pull' | 'both', mode: 'full' | 'incremental' = 'full') =>
    world.sync(venue, direction, mode, { resource: 'products' });

  it('sends mapped fields, and five idle rounds both ways write nothing', async () => {
    await map(NOTE, SEASON, LABEL);
    await load({ metadata: { note: 'With ice', season: 'summer', shelf: '3' } });
    await sync('push');
    const sent = await remote();
    expect(sent).toMatchObject({ name: 'Cold brew', description: 'With ice' });
    expect(own(sent?.metadata ?? {})).toEqual({ saison: 'Sommer', shelf: '3', label: 'Cold brew (CB-1)' });

    const before = await record();
    for (let round = 0; round < 5; round += 1) {
      expect((await sync('pull')).counts).toMatchObject({ created: 0, updated: 0, conflicts: 0, rejected: 0 });
      expect((await sync('push')).counts).toMatchObject({ created: 0, updated: 0, rejected: 0 });
    }
    expect(await record()).toMatchObject({ version: before?.version, metadata: before?.metadata });
    expect(await remote()).toEqual(sent);
  });

  it('agrees in the venue’s own fields when it goes both ways, and idle runs write nothing', async () => {
    await map(NOTE, SEASON, LABEL);
    await load({ description: 'For the menu', metadata: { note: 'With ice', season: 'summer' } });
    await sync('both');
    const { id } = (await remote()) ?? { id: '' };
    await world.stripe.clock(2_000);
    await world.callStripe('POST', `products/${id}`, { 'metadata[saison]': 'Winter' });
    await load({ description: 'For the menu', metadata: { note: 'Without ice', season: 'summer' } });
    expect((await sync('both', 'incremental')).counts).toMatchObject({ conflicts: 0, rejected: 0 });
    expect(await record()).toMatchObject({
      description: 'For the menu',
      metadata: { note: 'Without ice', season: 'winter' },
    });
    const sent = await remote();
    expect(sent).toMatchObject({ description: 'Without ice', metadata: { saison: 'Winter' } });
    const { version } = (await record()) ?? { version: 0 };
    for (const mode of ['full', 'incremental', 'full', 'incremental', 'full'] as const)
      expect((await sync('both', mode)).counts).toMatchObject({ created: 0, updated: 0, conflicts: 0 });
    expect(await record()).toMatchObject({ version });
    expect(await remote()).toEqual(sent);
  });

  it('reads what the provider changed back into the venue’s own fields, and keeps what is only sent', async () => {
    await map(NOTE, SEASON, LABEL);
    await load({ description: 'For the menu', metadata: { note: 'With ice', season: 'summer', label: 'mine' } });
    await sync('push');
    const { id } = (await remote()) ?? { id: '' };
    await world.callStripe('POST', `products/${id}`, {
      description: 'Without ice',
      'metadata[saison]': 'Winter',
      'metadata[added]': 'there',
    });
    expect((await sync('pull')).counts).toMatchObject({ updated: 1, rejected: 0 });
    expect(await record()).toMatchObject({
      description: 'For the menu',
      metadata: { note: 'Without ice', season: 'winter', label: 'mine', added: 'there' },
    });
    expect((await sync('push')).counts).toMatchObject({ updated: 0, rejected: 0 });
  });

  it('clears a key at the provider under the provider’s name', async () => {
    await map(SEASON);
    await load({ metadata: { season: 'summer' } });
    await sync('push');
    await store.upsertMany(venue.venueId, [{ sourceId: 'p-1', metadata: {} }]);
    expect((await sync('push')).counts).toMatchObject({ updated: 1 });
    expect(own((await remote())?.metadata ?? {})).toEqual({});
  });

  it('creates the venue’s records by the mapping from what the provider has', async () => {
    await map(NOTE, SEASON);
    await world.callStripe('POST', 'products', {
      name: 'Tea',
      description: 'Hot',
      'metadata[saison]': 'Winter',
      'metadata[shelf]': '4',
    });
    await sync('pull');
    const created = (
      await listRecords(store, venue.venueId, { filter: { includeDeleted: false }, page: { limit: 10, after: null } })
    ).data[0];
    expect(created).toMatchObject({
      name: 'Tea',
      description: null,
      metadata: { note: 'Hot', season: 'winter', shelf: '4' },
    });
    expect((await sync('push')).counts).toMatchObject({ updated: 0, rejected: 0 });
  });

  it('rejects a record that the mapping cannot write, names the field and not the value, and goes on', async () => {
    await map(SEASON, { target: 'sku', expression: '$string($number(sku))' });
    await load({ sku: '7', metadata: { season: 'autumn-secret' } }, 'p-1');
    await load({ sku: 'not-a-number', metadata: { season: 'winter' } }, 'p-2');
    await load({ sku: '8', metadata: { season: 'winter' } }, 'p-3');
    const run = await sync('push');
    expect(run.counts).toMatchObject({ created: 1, rejected: 2 });
    const lines = await world.logOf(venue, run.syncId);
    expect(lines.filter(({ action }) => action === 'rejected')).toMatchObject([
      { code: 'not-mappable', message: expect.stringContaining('metadata.saison: The value map') as unknown },
      { code: 'not-mappable', message: expect.stringContaining('sku: The expression failed') as unknown },
    ]);
    expect(JSON.stringify(lines)).not.toMatch(/autumn-secret|not-a-number/);
  });

  it('rejects an object that the mapping cannot read, keeps its record and does not count it as missing', async () => {
    await map(SEASON);
    await load({ metadata: { season: 'summer' } });
    await sync('push');
    const { id } = (await remote()) ?? { id: '' };
    await world.callStripe('POST', `products/${id}`, { 'metadata[saison]': 'Herbst' });
    const run = await sync('pull');
    expect(run).toMatchObject({
      outcome: 'completed-with-rejections',
      counts: { updated: 0, archived: 0, rejected: 1 },
    });
    expect(await record()).toMatchObject({ deletedAt: null, metadata: { season: 'summer' } });
    expect(JSON.stringify(await world.logOf(venue, run.syncId))).not.toContain('Herbst');
  });

  it('writes what a changed mapping changes, and nothing else', async () => {
    await load({ metadata: { note: 'With ice' } }, 'p-1');
    await load({ metadata: {} }, 'p-2');
    await sync('push');
    await map({ ...SEASON, direction: 'push' });
    expect((await sync('push')).counts).toMatchObject({ updated: 0, unchanged: 2 });
    await map(NOTE);
    expect((await sync('push')).counts).toMatchObject({ updated: 1, unchanged: 1 });
  });

  it('reads every record again under a changed mapping, once', async () => {
    await world.callStripe('POST', 'products', { name: 'Tea', description: 'Hot', 'metadata[note]': 'old' });
    await sync('pull');
    await map(NOTE);
    expect((await sync('pull')).counts).toMatchObject({ updated: 1 });
    const [read] = (
      await listRecords(store, venue.venueId, { filter: { includeDeleted: false }, page: { limit: 10, after: null } })
    ).data;
    expect(read).toMatchObject({ metadata: { note: 'Hot' } });
    expect((await sync('pull')).counts).toMatchObject({ updated: 0, unchanged: 1 });
  });

  it('says in a dry run what the mapping would write and refuse', async () => {
    await load({ metadata: { season: 'summer' } }, 'p-1');
    await load({ metadata: { season: 'never' } }, 'p-2');
    await map(SEASON);
    const run = await world.sync(venue, 'push', 'full', { resource: 'products', dryRun: true });
    expect(run.counts).toMatchObject({ created: 1, rejected: 1 });
  });
});

describe('a sync with a mapping of a part of an object', () => {
  it('keeps the parts that are only sent', async () => {
    const world = await createSyncWorld();
    try {
      const venue = await world.aVenue();
      const ref = { ...venue, resource: 'customers' };
      const fields = [
        { target: 'address.line2', expression: '"c/o " & name', direction: 'push' as const, policy: 'venue' as const },
      ];
      const proposed = await world.mappings.propose(ref, { definition: { fields }, createdBy: 'test' });
      await world.mappings.activate(ref, proposed?.version ?? 0);
      await world.customers.upsertMany(venue.venueId, [
        { sourceId: 'c-1', name: 'Ada', address: { ...NO_ADDRESS, line1: 'High Street 1', line2: 'Mine' } },
      ]);
      await world.sync(venue, 'push');
      const [customer] = await world.stripe.customers<{ id: string; address: { line2: string } }>();
      expect(customer?.address.line2).toBe('c/o Ada');
      await world.callStripe('POST', `customers/${customer?.id}`, { 'address[line1]': 'Low Street 2' });
      expect((await world.sync(venue, 'pull')).counts).toMatchObject({ updated: 1 });
      const [record] = await world.customers.findBySourceIds(venue.venueId, ['c-1']);
      expect(record?.address).toMatchObject({ line1: 'Low Street 2', line2: 'Mine' });
    } finally {
      await world.close();
    }
  });
});

const NO_ADDRESS = { line1: null, line2: null, city: null, region: null, postalCode: null, country: null };
