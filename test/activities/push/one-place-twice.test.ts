import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncId } from '../../../contracts/ids.ts';
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
const sync = (direction: 'push' | 'pull' | 'both', more: object = {}) =>
  world.sync(venue, direction, 'full', { resource: 'inventory', ...more });
/** Where each record is tied to, by its `sourceId`. */
const places = async () => {
  const rows = await world.database.admin<{ source_id: string; external_id: string | null }[]>`
    select source_id, external_id from inventory_levels
    join record_links on record_id = id where inventory_levels.venue_id = ${venue.venueId}`;
  return Object.fromEntries(rows.map((row) => [row.source_id, row.external_id]));
};
const deviations = async (syncId: SyncId) =>
  (await world.logOf(venue, syncId)).filter(({ action }) => action === 'deviation');
const quantities = async () => {
  const rows = await world.database.admin<{ source_id: string; quantity: string }[]>`
    select source_id, quantity::text from inventory_levels where venue_id = ${venue.venueId}`;
  return Object.fromEntries(rows.map((row) => [row.source_id, row.quantity]));
};
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

  const swap = async () => {
    await load(stock('i-1', '5'), stock('i-2', '7', { productSourceId: 'p-1' }));
    await sync('push');
    const before = await places();
    await load(stock('i-1', '5', { productSourceId: 'p-1' }), stock('i-2', '7'));
    return { 'i-1': before['i-2'], 'i-2': before['i-1'] };
  };
  const expectSwapped = async (swapped: object) => {
    expect(await places()).toEqual(swapped);
    expect((await counted()).sort()).toEqual(['5', '7']);
    expect((await sync('push')).counts).toMatchObject({ updated: 0, unchanged: 2 });
    await sync('pull');
    expect(await quantities()).toEqual({ 'i-1': '5', 'i-2': '7' });
  };

  it('is swapped with that of another record, as a dry run says', async () => {
    const swapped = await swap();
    const { counts: planned, syncId: planId } = await sync('push', { dryRun: true });
    expect(planned).toMatchObject({ created: 0, updated: 2, rejected: 0 });
    const { counts, syncId } = await sync('push', { planId });
    expect(counts).toMatchObject({ created: 0, updated: 2, rejected: 0 });
    expect(await deviations(syncId)).toEqual([]);
    await expectSwapped(swapped);
  });

  it('is swapped after a pause that Square asks for, with the records as they were read', async () => {
    const swapped = await swap();
    await world.square.fault({
      ...{ kind: 'status', status: 429, retryAfter: 0.1, times: 1 },
      match: { path: '/v2/inventory/changes/batch-create' },
    });
    expect((await sync('push')).counts).toMatchObject({ created: 0, updated: 2, rejected: 0 });
    await expectSwapped(swapped);
  });

  it('is swapped by a two-way run', async () => {
    const swapped = await swap();
    expect((await sync('both')).counts).toMatchObject({ created: 0, rejected: 0 });
    await expectSwapped(swapped);
  });

  it('is swapped when the answer to the write is lost, and the records are read anew', async () => {
    const swapped = await swap();
    const input = await world.open(venue, 'push', 'full', { resource: 'inventory' });
    await world.begin(input);
    await world.square.fault({
      kind: 'commit-then-fail',
      times: 1,
      match: { path: '/v2/inventory/changes/batch-create' },
    });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable });
    await world.square.clearFaults();
    while ((await world.chunk(input)).status === 'more');
    await world.finish(input);
    await expectSwapped(swapped);
  });

  it('moves to what another record leaves in the same push', async () => {
    await world.products.upsertMany(venue.venueId, [aProduct(2)]);
    await world.sync(venue, 'push', 'full', { resource: 'products' });
    await load(stock('i-1', '5'), stock('i-2', '7', { productSourceId: 'p-1' }));
    await sync('push');
    await load(stock('i-1', '5', { productSourceId: 'p-1' }), stock('i-2', '7', { productSourceId: 'p-2' }));
    expect(await pushed()).toEqual([]);
    expect((await counted()).sort()).toEqual(['0', '5', '7']);
    expect((await sync('push')).counts).toMatchObject({ updated: 0, unchanged: 2 });
  });

  it('stays where it is when one of two that swap cannot be written', async () => {
    await load(stock('i-1', '5'), stock('i-2', '7', { productSourceId: 'p-1' }));
    await sync('push');
    const before = await places();
    await load(stock('i-1', '5', { productSourceId: 'p-1' }), stock('i-2', '0.123456'));
    expect((await pushed()).sort()).toEqual([
      ['i-1', 'place-taken'],
      ['i-2', 'not-mappable'],
    ]);
    expect(await places()).toEqual(before);
    expect((await counted()).sort()).toEqual(['5', '7']);
  });

  it('is told by a dry run to be another record’s', async () => {
    await load(stock('i-1', '5'), stock('i-2', '7', { productSourceId: 'p-1' }));
    await sync('push');
    await load(stock('i-2', '7'), stock('i-3', '2'));
    const { counts, syncId: planId } = await sync('push', { dryRun: true });
    expect(counts).toMatchObject({ created: 0, updated: 0, rejected: 2 });
    const { syncId } = await sync('push', { planId });
    const log = await world.logOf(venue, syncId);
    expect(log.filter(({ action }) => action === 'rejected').map(({ code }) => code)).toEqual([
      ...['place-taken', 'place-taken'],
    ]);
    expect(await deviations(syncId)).toEqual([]);
  });

  it('is free in a dry run once its record is deleted', async () => {
    await load(stock('i-1', '5'));
    await sync('push');
    await world.database.admin`
      update inventory_levels set deleted_at = now(), version = version + 1 where venue_id = ${venue.venueId}`;
    await load(stock('i-2', '7'));
    expect((await sync('push', { dryRun: true })).counts).toMatchObject({ created: 1, archived: 1, rejected: 0 });
  });

  it('is not moved to a place that is another record’s', async () => {
    await load(stock('i-1', '5'), stock('i-2', '7', { productSourceId: 'p-1' }));
    await sync('push');
    await load(stock('i-2', '7'));
    expect(await pushed()).toEqual([['i-2', 'place-taken']]);
    expect((await counted()).sort()).toEqual(['5', '7']);
  });
});
