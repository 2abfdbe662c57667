import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../../records/registry.ts';
import type { Resource, SyncMode } from '../../../contracts/providers.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { products } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const PRODUCTS = { resource: 'products' } as const;

let world: World;
let venue: TestVenue;

const recordsOf = (resource: Resource) =>
  listRecords(createRecordStore(world.database.db, RECORD_KINDS.get(resource)), venue.venueId, {
    filter: { includeDeleted: true },
    page: { limit: 50, after: null },
  }).then(({ data }) => data);
const pull = (mode: SyncMode, resource: Resource) => world.sync(venue, 'pull', mode, { resource });
const push = (mode: SyncMode, resource: Resource) => world.sync(venue, 'push', mode, { resource });
beforeAll(async () => {
  world = await createSyncWorld();
});
afterAll(() => world.close());
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
});

describe('a product that is deleted and recreated under its id', () => {
  const make = (name: string) => world.callStripe('POST', 'products', { id: 'vip', name });
  const drop = () => world.callStripe('DELETE', 'products/vip');
  const vip = async () => {
    const all = (await recordsOf('products')).map((one) => ({
      name: 'name' in one ? one['name'] : null,
      deleted: one.deletedAt !== null,
      state: one.links[0]?.state,
      version: one.version,
      sourceId: one.sourceId,
    }));
    expect(all).toHaveLength(1);
    return all[0];
  };

  describe.each([0, 2_500])('%i ms later', (laterMs) => {
    const later = () => world.stripe.clock(laterMs);

    it.each([
      ['full', 'full'],
      ['full', 'incremental'],
      ['incremental', 'full'],
      ['incremental', 'incremental'],
    ] as const)(
      'becomes a live record with the new content by one pull after the deletion and one after the recreation (%s, %s)',
      async (second, third) => {
        await make('VIP');
        await pull('full', 'products');
        await drop();
        expect((await pull(second, 'products')).counts).toMatchObject({ archived: 1 });
        expect(await vip()).toMatchObject({ deleted: true, state: 'gone' });
        await later();
        await make('V2');
        const run = await pull(third, 'products');
        expect(run.counts).toMatchObject({ created: 0, updated: 1, archived: 0 });
        expect(await vip()).toMatchObject({ name: 'V2', deleted: false, state: 'linked' });
        expect(await world.logOf(venue, run.syncId)).toMatchObject([
          { action: 'updated', code: 'made-again', level: 'info' },
        ]);
        for (const mode of ['incremental', 'full'] as const)
          expect((await pull(mode, 'products')).counts).toMatchObject({ archived: 0 });
        expect(await vip()).toMatchObject({ name: 'V2', deleted: false, state: 'linked' });
      },
    );

    it.each(['full', 'incremental'] as const)(
      'becomes a live record with the new content without a pull in between (%s)',
      async (mode) => {
        await make('VIP');
        await pull('full', 'products');
        await drop();
        await later();
        await make('V2');
        await pull(mode, 'products');
        expect(await vip()).toMatchObject({ name: 'V2', deleted: false, state: 'linked' });
        for (const again of ['incremental', 'full'] as const)
          expect((await pull(again, 'products')).counts).toMatchObject({ archived: 0 });
        expect(await vip()).toMatchObject({ name: 'V2', deleted: false });
      },
    );

    it.each(['full', 'incremental'] as const)(
      'becomes a deleted record when its recreation is deleted too (%s)',
      async (mode) => {
        await make('VIP');
        await pull('full', 'products');
        for (const name of ['V2', 'V3']) {
          await drop();
          await later();
          await make(name);
        }
        await drop();
        await pull(mode, 'products');
        expect(await vip()).toMatchObject({ deleted: true, state: 'gone' });
        for (const again of ['incremental', 'full'] as const)
          expect((await pull(again, 'products')).counts).toMatchObject({ archived: 0, updated: 0, created: 0 });
        expect(await vip()).toMatchObject({ deleted: true, state: 'gone' });
      },
    );
  });

  it('becomes deleted and live as often as at Stripe', async () => {
    await make('V0');
    await pull('full', 'products');
    for (const round of [1, 2, 3]) {
      await drop();
      await pull(round % 2 === 0 ? 'full' : 'incremental', 'products');
      expect(await vip()).toMatchObject({ deleted: true });
      await make(`V${round}`);
      await pull(round % 2 === 0 ? 'incremental' : 'full', 'products');
      expect(await vip()).toMatchObject({ name: `V${round}`, deleted: false });
    }
  });

  it('becomes live although its deletion is on a later page of the change feed than its recreation', async () => {
    await make('VIP');
    await world.callStripe('POST', 'products', { id: 'other', name: 'Other' });
    await pull('full', 'products');
    await drop();
    await make('V2');
    // The newest hundred events end with the creation.
    for (let edit = 1; edit < 100; edit += 1)
      await world.callStripe('POST', 'products/other', { name: `Edit ${edit}` });
    expect((await pull('incremental', 'products')).counts).toMatchObject({ archived: 0 });
    await world.callStripe('DELETE', 'products/other');
    await pull('full', 'products');
    expect(
      (await recordsOf('products'))
        .map((one) => ('name' in one && one.deletedAt === null ? one['name'] : null))
        .filter((name) => name !== null),
    ).toEqual(['V2']);
  });

  it('is planned by a dry run exactly as the run then does it', async () => {
    await make('VIP');
    await pull('full', 'products');
    await drop();
    await pull('full', 'products');
    await world.stripe.clock(2_500);
    await make('V2');
    const { syncId: planId, counts } = await world.sync(venue, 'pull', 'full', { ...PRODUCTS, dryRun: true });
    expect(counts).toMatchObject({ updated: 1, created: 0 });
    expect(await vip()).toMatchObject({ deleted: true });
    const run = await world.sync(venue, 'pull', 'full', { ...PRODUCTS, planId });
    expect(await world.runs.find(venue.venueId, run.syncId)).toMatchObject({ deviationCount: 0 });
    expect(await vip()).toMatchObject({ name: 'V2', deleted: false });
  });

  it('becomes a separate record when the earlier record is now linked to another product', async () => {
    await make('VIP');
    await pull('full', 'products');
    await drop();
    await pull('full', 'products');
    const [record] = await recordsOf('products');
    await createRecordStore(world.database.db, products).upsertMany(venue.venueId, [
      { sourceId: record!.sourceId, name: 'Loaded again' },
    ]);
    await push('full', 'products');
    await make('V2');
    await pull('full', 'products');
    const all = await recordsOf('products');
    expect(all.map((one) => ('name' in one ? one['name'] : null)).sort()).toEqual(['Loaded again', 'V2']);
    expect(new Set(all.map(({ sourceId }) => sourceId)).size).toBe(2);
    expect(all.every(({ deletedAt, links }) => deletedAt === null && links[0]?.state === 'linked')).toBe(true);
  });
});
