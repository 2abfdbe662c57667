import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createReprojectionActivities } from '../../../activities/mappings/reprojection.ts';
import type { MappingRule } from '../../../domain/mapping/mapping.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { products } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

interface StripeProduct {
  readonly id: string;
  readonly description: string | null;
}

let world: Awaited<ReturnType<typeof createSyncWorld>>;
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

const NOTE = { target: 'description', source: 'metadata.note', direction: 'both' } as const;

/** Activates the rules, and passes through all records in each direction that the plan names. */
async function reproject(...fields: readonly MappingRule[]) {
  const ref = { ...venue, resource: 'products' };
  const proposed = await world.mappings.propose(ref, { definition: { fields }, createdBy: 'test' });
  const version = proposed?.version ?? 0;
  await world.mappings.activate(ref, version);
  const { planReprojection } = createReprojectionActivities({ mappings: world.mappings });
  const input = { ...ref, provider: 'stripe', providerName: 'Stripe', version };
  const { directions } = await planReprojection(input);
  const counts = [];
  for (const direction of directions) counts.push((await sync(direction)).counts);
  return { directions, counts };
}
const sync = (direction: 'pull' | 'push' | 'both') => world.sync(venue, direction, 'full', { resource: 'products' });
const record = async () => {
  const page = { filter: { includeDeleted: false }, page: { limit: 5, after: null } };
  const { data } = await listRecords(store, venue.venueId, page);
  expect(data).toHaveLength(1);
  return data[0]!;
};
const remote = async () =>
  (await world.callStripe<{ data: readonly StripeProduct[] }>('GET', 'products?limit=10')).data[0];
const writes = async () => (await world.stripe.writes()).length;

describe('the records of a changed mapping', () => {
  it('change from what the provider has, with nothing written to it, where a connection pulls', async () => {
    await world.callStripe('POST', 'products', { name: 'Tea', description: 'Hot' });
    await sync('pull');
    const before = await writes();
    const first = await reproject({ ...NOTE, policy: 'venue' });
    expect(first).toMatchObject({ directions: ['pull'], counts: [{ updated: 1, conflicts: 0, rejected: 0 }] });
    expect(await record()).toMatchObject({ metadata: { note: 'Hot' } });
    const { version } = await record();
    expect((await sync('pull')).counts).toMatchObject({ updated: 0 });
    expect(await record()).toMatchObject({ version });
    expect(await writes()).toBe(before);
  });

  describe('where a connection goes both ways', () => {
    const prepare = async (metadata: Readonly<Record<string, string>>) => {
      await store.upsertMany(venue.venueId, [{ sourceId: 'p-1', name: 'Tea', description: 'Hot', metadata }]);
      await sync('both');
      return writes();
    };
    const settles = async () => {
      const [before, { version }] = [await writes(), await record()];
      for (let round = 0; round < 2; round += 1)
        expect((await sync('both')).counts).toMatchObject({ created: 0, updated: 0, conflicts: 0 });
      expect([await writes(), (await record()).version]).toEqual([before, version]);
    };

    it('change from what the provider has, with nothing written to it, where the venue has no value', async () => {
      const before = await prepare({});
      const done = await reproject({ ...NOTE, policy: 'venue' });
      expect(done).toMatchObject({ directions: ['both'], counts: [{ updated: 1, conflicts: 0, rejected: 0 }] });
      expect(await record()).toMatchObject({ description: 'Hot', metadata: { note: 'Hot' } });
      expect(await writes()).toBe(before);
      await settles();
    });

    it('take the provider’s value where its policy wins, with nothing written to it', async () => {
      const before = await prepare({ note: 'With ice' });
      const done = await reproject({ ...NOTE, policy: 'provider' });
      expect(done).toMatchObject({ directions: ['both'], counts: [{ updated: 1, rejected: 0 }] });
      expect([(await record()).metadata['note'], (await remote())?.description]).toEqual(['Hot', 'Hot']);
      expect(await writes()).toBe(before);
      await settles();
    });

    it('are written where only the venue has a value', async () => {
      await store.upsertMany(venue.venueId, [{ sourceId: 'p-1', name: 'Tea', metadata: { note: 'With ice' } }]);
      await sync('push');
      const before = await writes();
      const { directions } = await reproject({ ...NOTE, direction: 'push', policy: 'venue' });
      expect(directions).toEqual(['push']);
      expect([(await record()).metadata['note'], (await remote())?.description]).toEqual(['With ice', 'With ice']);
      expect(await writes()).toBe(before + 1);
    });
  });
});
