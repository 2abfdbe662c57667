import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { aProduct, createSquareSyncWorld } from './square-world.ts';
import type { SquareSyncWorld, SquareVenue } from './square-world.ts';

let world: SquareSyncWorld;
let venue: SquareVenue;
beforeAll(async () => {
  world = await createSquareSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  venue = await world.aSquareVenue();
  await world.products.upsertMany(venue.venueId, [aProduct(0), aProduct(1)]);
  await world.sync(venue, 'push', 'full', { resource: 'products' });
});

const stock = (sourceId: string, quantity: string, more: object = {}) => ({
  ...{ sourceId, productSourceId: 'p-0', location: venue.merchant.mainLocationId, quantity },
  ...{ countedAt: new Date().toISOString(), ...more },
});
const load = (...records: Parameters<typeof world.inventory.upsertMany>[1][number][]) =>
  world.inventory.upsertMany(venue.venueId, records);
const sync = (direction: 'push' | 'pull') => world.sync(venue, direction, 'full', { resource: 'inventory' });
const counted = async () =>
  (await venue.merchant.objects<{ readonly quantity: string }>('counts')).map(({ quantity }) => quantity);
/** Pushes, and returns the codes of what was rejected by the `sourceId` of its record. */
const pushed = async () => {
  const { syncId } = await sync('push');
  return (await world.logOf(venue, syncId))
    .filter(({ action }) => action === 'rejected')
    .map(({ sourceId, code }) => [sourceId, code]);
};

describe('the stock of a product at a place that two records tell', () => {
  it.each(['together', 'one after the other'])('is what the first says, when they are pushed %s', async (how) => {
    await load(stock('i-1', '5'));
    if (how !== 'together') await sync('push');
    await load(stock('i-2', '7'), stock('i-3', '2', { productSourceId: 'p-1' }));
    for (let times = 0; times < 2; times += 1) {
      expect(await pushed()).toEqual([['i-2', 'place-taken']]);
      expect((await counted()).sort()).toEqual(['2', '5']);
    }
  });

  it('stays that of the record which a pull has made', async () => {
    await load(stock('i-1', '5'));
    await sync('push');
    const other = { ...venue, ...(await world.connect(venue.venueId, { secretKey: venue.merchant.token })) };
    await world.sync(other, 'pull', 'full', { resource: 'products' });
    await world.sync(other, 'pull', 'full', { resource: 'inventory' });
    const [pulled] = await world.database.admin<{ product_source_id: string }[]>`
      select product_source_id from inventory_levels where venue_id = ${venue.venueId} and source_id <> 'i-1'`;
    await load(stock('mine', '9', { productSourceId: pulled!.product_source_id }));
    const { counts } = await world.sync(other, 'push', 'full', { resource: 'inventory' });
    expect(counts).toMatchObject({ created: 0, updated: 0 });
    expect(await counted()).toEqual(['5']);
  });

  it('is told by another record once the first is deleted', async () => {
    await load(stock('i-1', '5'));
    await sync('push');
    const [first] = await world.database.admin<{ id: string }[]>`
      select id from inventory_levels where venue_id = ${venue.venueId}`;
    await world.database
      .admin`update inventory_levels set deleted_at = now(), version = version + 1 where id = ${first!.id}`;
    await sync('push');
    expect(await counted()).toEqual(['0']);
    await load(stock('i-2', '7'));
    expect(await pushed()).toEqual([]);
    expect(await counted()).toEqual(['7']);
  });

  it('is not moved to a place that is another record’s', async () => {
    await load(stock('i-1', '5'), stock('i-2', '7', { productSourceId: 'p-1' }));
    await sync('push');
    await load(stock('i-2', '7'));
    expect(await pushed()).toEqual([['i-2', 'place-taken']]);
    expect((await counted()).sort()).toEqual(['5', '7']);
  });
});
