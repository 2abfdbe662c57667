import { afterAll, beforeAll, expect, it } from 'vitest';
import { listRecords } from '../../support/list-records.ts';
import { createSquareSyncWorld } from '../push/square-world.ts';
import type { SquareSyncWorld } from '../push/square-world.ts';

let world: SquareSyncWorld;
beforeAll(async () => {
  world = await createSquareSyncWorld();
});
afterAll(() => world.close());

it('a two-way run reads no count again that it has read, and writes only those whose number differs', async () => {
  const venue = await world.aSquareVenue();
  await venue.merchant.seed('counts', 250);
  await world.sync(venue, 'pull', 'full', { resource: 'products' });
  const both = () => world.sync(venue, 'both', 'full', { resource: 'inventory' });
  expect(await both()).toMatchObject({ counts: { created: 250, rejected: 0 } });
  const { data } = await listRecords(world.inventory, venue.venueId, {
    filter: { includeDeleted: false },
    page: { limit: 1_000, after: null },
  });
  const countedAt = new Date().toISOString();
  // The last one is counted anew with the same number.
  await world.inventory.upsertMany(
    venue.venueId,
    data.map(({ sourceId, productSourceId, location, quantity }, index) => ({
      ...{ sourceId, productSourceId, location, countedAt },
      quantity: index === 249 ? quantity : String(1_000 + index),
    })),
  );
  const reads = '/inventory/counts/batch-retrieve';
  const writes = '/inventory/changes/batch-create';
  const before = (await world.callsTo(venue, reads)).length;
  expect(await both()).toMatchObject({ counts: { conflicts: 0, rejected: 0, updated: 250 } });
  // The list, and what has changed since its beginning.
  expect((await world.callsTo(venue, reads)).length - before).toBe(2);
  expect(await world.callsTo(venue, writes)).toHaveLength(3);
  const changed = await venue.merchant.objects<{ readonly kind: string }>('side-effects');
  expect(changed.filter(({ kind }) => kind.startsWith('stock'))).toHaveLength(249);
  expect(await both()).toMatchObject({ counts: { updated: 0, conflicts: 0, rejected: 0 } });
});
