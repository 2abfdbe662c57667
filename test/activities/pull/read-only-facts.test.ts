import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Direction } from '../../../contracts/providers.ts';
import { customers } from '../../../records/customers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import { listRecords } from '../../support/list-records.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

type SyncMode = 'full' | 'incremental';

let world: SquareSyncWorld;
let venue: SquareVenue;
let people: RecordStore;
beforeAll(async () => {
  world = await createSquareSyncWorld();
  people = createRecordStore(world.database.db, customers);
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aSquareVenue();
});

const only = async (store: RecordStore) => {
  const { data } = await listRecords(store, venue.venueId, {
    filter: { includeDeleted: false },
    page: { limit: 5, after: null },
  });
  expect(data).toHaveLength(1);
  return data[0]!;
};
const WRITES = /bulk-create|bulk-update|batch-upsert|batch-create/;
const writes = async () => (await venue.merchant.calls()).filter(({ path }) => WRITES.test(path)).length;

const stamp = () => ({ updated_at: new Date().toISOString(), version: Date.now(), is_deleted: false });
const anItem = (data: object = {}) => ({
  ...{ type: 'ITEM', id: 'I', ...stamp() },
  item_data: { name: 'Tea', ...data },
});
const aVariation = (data: object = {}) => ({
  ...{ type: 'ITEM_VARIATION', id: 'V', ...stamp() },
  item_variation_data: {
    ...{ item_id: 'I', name: 'Regular', pricing_type: 'FIXED_PRICING' },
    price_money: { amount: 450, currency: 'GBP' },
    ...data,
  },
});
const aCategory = (name: string) => ({ type: 'CATEGORY', id: 'C', ...stamp(), category_data: { name } });
const IMAGE = { type: 'IMAGE', id: 'P', ...stamp(), image_data: { url: 'https://example.com/tea.png' } };

describe.each(['pull', 'both'] as const)('a run (%s)', (direction: Direction) => {
  const read = async (resource: string, mode: SyncMode) => {
    const { outcome, counts } = await world.sync(venue, direction, mode, { resource });
    expect({ outcome, counts }).toMatchObject({ outcome: 'completed', counts: { rejected: 0, conflicts: 0 } });
    return counts;
  };
  /** The run takes the change over, writes nothing to Square, and idle runs after it change nothing. */
  const takes = async (resource: string, mode: SyncMode) => {
    const before = await writes();
    expect(await read(resource, mode)).toMatchObject({ created: 0, updated: 1 });
    const store = resource === 'customers' ? people : world.products;
    const taken = await only(store);
    for (const idle of ['incremental', 'full', 'full'] as const)
      expect(await read(resource, idle)).toMatchObject({ created: 0, updated: 0 });
    expect((await only(store)).version).toBe(taken.version);
    expect(await writes()).toBe(before);
    return taken;
  };

  it('takes loyalty points that alone have changed', async () => {
    const [id = ''] = await venue.merchant.seed('customers', 1);
    const account = { id: 'A', program_id: 'P', customer_id: id, balance: 12, lifetime_points: 90 };
    await venue.merchant.put('loyalty-accounts', [account]);
    await read('customers', 'full');
    expect(await only(people)).toMatchObject({ metadata: { square_loyalty_points: '12' } });
    await venue.merchant.put('loyalty-accounts', [{ ...account, balance: 20 }]);
    expect(await takes('customers', 'full')).toMatchObject({ metadata: { square_loyalty_points: '20' } });
  });

  it.each(['incremental', 'full'] as const)('takes a company name that alone has changed (%s)', async (mode) => {
    const [customerId = ''] = await venue.merchant.seed('customers', 1);
    await read('customers', 'full');
    await venue.merchant.client.customers.update({ customerId, companyName: 'Analytical Engines' });
    expect(await takes('customers', mode)).toMatchObject({ metadata: { square_company_name: 'Analytical Engines' } });
  });

  it.each(['incremental', 'full'] as const)('takes a refusal of marketing that alone is new (%s)', async (mode) => {
    await people.upsertMany(venue.venueId, [{ sourceId: 'c-1', name: 'Ada', marketingConsent: true }]);
    await world.sync(venue, direction === 'both' ? 'both' : 'push', 'full', { resource: 'customers' });
    await read('customers', 'full');
    const [there] = await venue.merchant.objects<{ id: string; version: number }>('customers');
    await venue.merchant.put('customers', [
      {
        ...there!,
        version: there!.version + 1,
        updated_at: new Date().toISOString(),
        preferences: { email_unsubscribed: true },
      },
    ]);
    expect(await takes('customers', mode)).toMatchObject({ name: 'Ada', marketingConsent: false });
  });

  it.each(['incremental', 'full'] as const)('takes images that alone have changed (%s)', async (mode) => {
    await venue.merchant.put('catalogue', [anItem(), aVariation()]);
    await read('products', 'full');
    await venue.merchant.put('catalogue', [IMAGE, anItem({ image_ids: ['P'] })]);
    expect(await takes('products', mode)).toMatchObject({ images: ['https://example.com/tea.png'] });
  });

  it.each(['incremental', 'full'] as const)('takes a barcode that alone has changed (%s)', async (mode) => {
    await venue.merchant.put('catalogue', [anItem(), aVariation()]);
    await read('products', 'full');
    await venue.merchant.put('catalogue', [aVariation({ upc: '0012' })]);
    expect(await takes('products', mode)).toMatchObject({ metadata: { square_upc: '0012' } });
  });

  it('takes the name of a category that alone has changed', async () => {
    await venue.merchant.put('catalogue', [aCategory('Drinks'), anItem({ categories: [{ id: 'C' }] }), aVariation()]);
    await read('products', 'full');
    await venue.merchant.put('catalogue', [aCategory('Hot drinks')]);
    expect(await takes('products', 'full')).toMatchObject({
      metadata: { square_categories: expect.stringContaining('Hot drinks') as unknown },
    });
  });

  it('tells a venue no change that its own write has made', async () => {
    const images = ['https://example.com/own.png'];
    // Square decides whether a product is taxed of which the venue does not say it, and a pull brings that.
    const product = { sourceId: 'p-1', amountMinor: 450, currency: 'GBP', taxable: true, images } as const;
    const send = direction === 'both' ? 'both' : 'push';
    for (const name of ['Cold brew', 'Nitro cold brew']) {
      await world.products.upsertMany(venue.venueId, [{ ...product, name }]);
      await world.sync(venue, send, 'full', { resource: 'products' });
      for (const mode of ['incremental', 'full'] as const)
        expect(await read('products', mode)).toMatchObject({ created: 0, updated: 0 });
    }
    expect(await only(world.products)).toMatchObject({ name: 'Nitro cold brew', images });
  });
});

it('a pull leaves what the venue has changed since to the next push', async () => {
  const [customerId = ''] = await venue.merchant.seed('customers', 1);
  await world.sync(venue, 'pull');
  const { sourceId } = await only(people);
  await people.upsertMany(venue.venueId, [{ sourceId, name: 'Ada Byron', metadata: { note: 'Window seat' } }]);
  await venue.merchant.client.customers.update({ customerId, companyName: 'Analytical Engines' });
  expect((await world.sync(venue, 'pull', 'incremental')).counts).toMatchObject({ updated: 0, conflicts: 0 });
  expect(await only(people)).toMatchObject({ name: 'Ada Byron', metadata: { note: 'Window seat' } });
});
