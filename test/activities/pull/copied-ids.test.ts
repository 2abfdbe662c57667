import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { SyncId } from '../../../contracts/ids.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { products } from '../../../records/products.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('provider objects that carry the same id of ours', () => {
  let world: World;
  let venue: TestVenue;
  let recordId: string;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
    await createRecordStore(world.database.db, products).upsertMany(venue.venueId, [{ sourceId: 'mug', name: 'Mug' }]);
    recordId = (
      await world.database.admin<{ id: string }[]>`select id from products where venue_id = ${venue.venueId}`
    )[0]!.id;
  });

  const carrying = (name: string, more: object = {}) => ({
    name,
    metadata: { interlock_record_id: recordId },
    ...more,
  });
  const seed = (records: readonly object[]) => world.stripe.seed({ resource: 'products', records });
  const links = () => world.database.admin<
    { name: string; source_id: string; record_id: string; external_id: string }[]
  >`
    select p.name, p.source_id, l.record_id, l.external_id from products p join record_links l on l.record_id = p.id where p.venue_id = ${venue.venueId} order by p.name`;
  const notes = async (syncId: SyncId) =>
    (await world.logOf(venue, syncId)).filter(({ code }) => code === 'own-id-copied');

  it('become one linked record and new records for the others, with a line in the run’s log', async () => {
    await seed([carrying('Mug'), carrying('Mug, blue'), { name: 'Plate' }]);

    const run = await world.sync(venue, 'pull', 'full', { resource: 'products' });

    expect(run).toMatchObject({ outcome: 'completed', counts: { created: 2, updated: 1 } });
    const stored = await links();
    expect(stored.map(({ name }) => name)).toEqual(['Mug', 'Mug, blue', 'Plate']);
    expect(stored.filter(({ record_id }) => record_id === recordId)).toHaveLength(1);
    const copied = stored.find(({ name, record_id }) => name !== 'Plate' && record_id !== recordId)!;
    expect(await notes(run.syncId)).toMatchObject([
      {
        level: 'warn',
        action: 'anomaly',
        recordId: copied.record_id,
        externalId: copied.external_id,
        message: expect.stringContaining(recordId) as string,
      },
    ]);

    // Now they are known, so nothing is new and nothing is logged.
    const again = await world.sync(venue, 'pull', 'full', { resource: 'products' });
    expect(again.counts).toMatchObject({ created: 0, updated: 0 });
    expect(await notes(again.syncId)).toEqual([]);
    expect(await links()).toEqual(stored);
  });

  it('are treated the same by a dry run, even over many pages', async () => {
    const fill = Array.from({ length: 150 }, (_, index) => ({
      name: `Other ${index}`,
      created: 1_700_000_000 + index,
    }));
    await seed([
      carrying('Mug', { created: 1_600_000_000 }),
      ...fill,
      carrying('Mug, blue', { created: 1_790_000_000 }),
    ]);
    const dry = await world.sync(venue, 'pull', 'full', { resource: 'products', dryRun: true });
    expect(dry.counts).toMatchObject({ created: 151, updated: 1 });
    expect(await notes(dry.syncId)).toHaveLength(1);
    const run = await world.sync(venue, 'pull', 'full', { resource: 'products' });
    expect(run.counts).toMatchObject({ created: 151, updated: 1 });
    expect(await notes(run.syncId)).toHaveLength(1);
  });

  it('stay separate in a later run', async () => {
    await seed([carrying('Mug')]);
    await world.sync(venue, 'pull', 'full', { resource: 'products' });
    await seed([carrying('Mug, blue')]);
    for (const mode of ['incremental', 'full'] as const)
      await world.sync(venue, 'pull', mode, { resource: 'products' });
    const stored = await links();
    expect(stored.map(({ name, record_id }) => [name, record_id === recordId])).toEqual([
      ['Mug', true],
      ['Mug, blue', false],
    ]);
  });

  it('are not mistaken for a record’s remote record by a push when they belong to another record', async () => {
    await seed([carrying('Mug, blue')]);
    const [copy] = await world
      .callStripe<{ data: readonly { id: string }[] }>('GET', 'products')
      .then(({ data }) => data);
    await createRecordStore(world.database.db, products).upsertMany(venue.venueId, [
      { sourceId: 'blue', name: 'Mug, blue' },
    ]);
    const other = (
      await world.database.admin<
        { id: string }[]
      >`select id from products where venue_id = ${venue.venueId} and source_id = 'blue'`
    )[0]!.id;
    const tie = (record: string, externalId: string | null, state: string) => world.database.admin`
      insert into record_links (connection_id, resource, record_id, venue_id, external_id, state, record_version, write_attempt)
      values (${venue.connectionId}, 'products', ${record}, ${venue.venueId}, ${externalId}, ${state}, 1, 1)`;
    await tie(other, copy!.id, 'linked');
    await tie(recordId, null, 'pending');

    const run = await world.sync(venue, 'push', 'incremental', { resource: 'products' });

    expect(run).toMatchObject({ outcome: 'completed', counts: { created: 1, rejected: 0 } });
    expect((await links()).find(({ record_id }) => record_id === recordId)!.external_id).not.toBe(copy!.id);
    expect((await world.logOf(venue, run.syncId)).filter(({ recordId: id }) => id === recordId)).toMatchObject([
      { action: 'created', code: 'own-id-copied' },
    ]);
  });
});
