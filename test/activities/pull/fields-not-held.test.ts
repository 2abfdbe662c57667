import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { customers } from '../../../records/customers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import { listRecords } from '../../support/list-records.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld, SquareVenue } from '../push/square-world.ts';

let world: SquareSyncWorld;
let venue: SquareVenue;
beforeAll(async () => {
  world = await createSquareSyncWorld();
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
const metadata = { tier: 'gold', note: 'Window seat' };

/** The ways in which a run takes over what the provider has changed. */
const READINGS = [
  ['pull', 'incremental'],
  ['pull', 'full'],
  ['both', 'incremental'],
  ['both', 'full'],
] as const;

describe.each(READINGS)('a %s run (%s) of a record that Square has changed', (direction, mode) => {
  const read = async (resource: string) => {
    const { outcome, counts } = await world.sync(venue, direction, mode, { resource });
    expect({ outcome, counts }).toMatchObject({ outcome: 'completed', counts: { rejected: 0, conflicts: 0 } });
  };

  it('keeps a customer’s metadata and consent to marketing', async () => {
    const store = createRecordStore(world.database.db, customers);
    await store.upsertMany(venue.venueId, [{ sourceId: 'c-1', name: 'Ada Byron', marketingConsent: true, metadata }]);
    await world.sync(venue, 'push', 'full', { resource: 'customers' });
    const [there] = await venue.merchant.objects<{ id: string }>('customers');
    await venue.merchant.client.customers.update({ customerId: there!.id, familyName: 'Lovelace', companyName: 'AE' });
    await read('customers');
    expect(await only(store)).toMatchObject({
      name: 'Ada Lovelace',
      marketingConsent: true,
      metadata: { ...metadata, square_company_name: 'AE' },
    });
    // What Square itself has told goes when Square no longer has it.
    await venue.merchant.client.customers.update({ customerId: there!.id, familyName: 'King', companyName: null });
    await read('customers');
    const { metadata: left, name } = await only(store);
    expect({ left, name }).toEqual({ left: metadata, name: 'Ada King' });
  });

  it('takes the refusal of a customer who has unsubscribed', async () => {
    const store = createRecordStore(world.database.db, customers);
    await store.upsertMany(venue.venueId, [{ sourceId: 'c-1', name: 'Ada', marketingConsent: true }]);
    await world.sync(venue, 'push', 'full', { resource: 'customers' });
    const [there] = await venue.merchant.objects<{ id: string; version: number }>('customers');
    await venue.merchant.put('customers', [
      {
        ...there!,
        given_name: 'Ann',
        version: there!.version + 1,
        updated_at: new Date().toISOString(),
        preferences: { email_unsubscribed: true },
      },
    ]);
    await read('customers');
    expect(await only(store)).toMatchObject({ name: 'Ann', marketingConsent: false });
  });

  it('keeps a product’s metadata and images', async () => {
    const images = ['https://example.com/cold-brew.png'];
    await world.products.upsertMany(venue.venueId, [
      { sourceId: 'p-1', name: 'Cold brew', amountMinor: 450, currency: 'GBP', images, metadata },
    ]);
    await world.sync(venue, 'push', 'full', { resource: 'products' });
    await renameItem('Nitro cold brew');
    await read('products');
    expect(await only(world.products)).toMatchObject({
      name: 'Nitro cold brew',
      images,
      metadata: { ...metadata, square_item_name: 'Nitro cold brew' },
    });
  });

  it('keeps the metadata of a stock level', async () => {
    await world.products.upsertMany(venue.venueId, [
      { sourceId: 'p-1', name: 'Cold brew', amountMinor: 450, currency: 'GBP' },
    ]);
    await world.sync(venue, 'push', 'full', { resource: 'products' });
    const place = { location: venue.merchant.mainLocationId, quantity: '7', countedAt: new Date().toISOString() };
    await world.inventory.upsertMany(venue.venueId, [{ sourceId: 'i-1', productSourceId: 'p-1', ...place, metadata }]);
    await world.sync(venue, 'push', 'full', { resource: 'inventory' });
    await recount('9');
    await read('inventory');
    expect(await only(world.inventory)).toMatchObject({ quantity: '9', metadata });
  });
});

type CatalogueObject = Readonly<Record<'id' | 'type', string>>;
const ofType = async (type: string) =>
  (await venue.merchant.objects<CatalogueObject>('catalogue')).find((one) => one.type === type)!;

async function renameItem(name: string) {
  const item = await ofType('ITEM');
  const { object } = await venue.merchant.client.catalog.object.get({ objectId: item.id });
  const data = (object as { readonly itemData: object }).itemData;
  await venue.merchant.client.catalog.object.upsert({
    idempotencyKey: crypto.randomUUID(),
    object: { ...object, itemData: { ...data, name } } as never,
  });
}

async function recount(quantity: string) {
  const variation = await ofType('ITEM_VARIATION');
  await venue.merchant.client.inventory.batchCreateChanges({
    idempotencyKey: crypto.randomUUID(),
    changes: [
      {
        type: 'PHYSICAL_COUNT',
        physicalCount: {
          ...{ catalogObjectId: variation.id, locationId: venue.merchant.mainLocationId, state: 'IN_STOCK' },
          ...{ quantity, occurredAt: new Date().toISOString() },
        },
      },
    ],
  });
}
