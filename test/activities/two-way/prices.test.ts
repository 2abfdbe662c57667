import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { MergePolicy } from '../../../contracts/records.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { products as productKind } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a price that both sides change, one its amount and the other its currency', () => {
  let world: World;
  let venue: TestVenue;
  let store: ReturnType<typeof storeIn>;
  const storeIn = (db: World['database']['db']) => createRecordStore(db, productKind);

  beforeAll(async () => {
    world = await createSyncWorld();
    store = storeIn(world.database.db);
  });
  afterAll(() => world.close());

  const both = (mode: 'full' | 'incremental' = 'incremental') =>
    world.sync(venue, 'both', mode, { resource: 'products' });
  const load = (fields: object) =>
    store.upsertMany(venue.venueId, [{ sourceId: 'tea', name: 'Tea', ...fields }] as never);
  const record = async () =>
    (await listRecords(store, venue.venueId, { filter: { includeDeleted: false }, page: { limit: 1, after: null } }))
      .data[0]!;
  const remote = async () =>
    (
      await world.callStripe<{
        readonly data: readonly {
          readonly id: string;
          readonly default_price: { readonly unit_amount: number; readonly currency: string } | null;
        }[];
      }>('GET', 'products?expand[]=data.default_price')
    ).data[0]!;
  const repriceAtStripe = async (unitAmount: number, currency: string) => {
    await world.stripe.clock(2_000);
    const { id: product } = await remote();
    const form = { product, unit_amount: String(unitAmount), currency };
    const { id } = await world.callStripe<{ readonly id: string }>('POST', 'prices', form);
    await world.callStripe('POST', `products/${product}`, { default_price: id });
  };
  const setPolicy = (policy: MergePolicy, fields: readonly object[] = []) => world.database.admin`
    insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by)
    values (${venue.connectionId}, 'products', 1, ${venue.venueId}, ${world.database.admin.json({ policy, fields } as never)}, true, 'test')`;
  const prices = async () => {
    const [{ amountMinor, currency }, { default_price: price }] = [await record(), await remote()];
    return { venue: [amountMinor, currency], stripe: [price?.unit_amount, price?.currency.toUpperCase()] };
  };
  const conflicts = async () =>
    (
      await world.database.admin<{ fields: readonly { readonly field: string }[] }[]>`
        select fields from merge_conflicts where venue_id = ${venue.venueId} and state = 'open'`
    ).map(({ fields }) => fields.map(({ field }) => field).sort());

  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
    await load({ amountMinor: 1_000, currency: 'EUR' });
    expect(await both('full')).toMatchObject({ outcome: 'completed', counts: { created: 1 } });
  });

  it('is never an amount of one side in the currency of the other: a person decides', async () => {
    await load({ amountMinor: 1_200 });
    await repriceAtStripe(1_000, 'jpy');
    expect((await both()).counts).toMatchObject({ conflicts: 1, rejected: 0 });
    expect(await prices()).toEqual({ venue: [1_200, 'EUR'], stripe: [1_000, 'JPY'] });
    expect(await conflicts()).toEqual([['amountMinor', 'currency']]);
  });

  it.each([
    ['venue', [1_200, 'EUR']],
    ['provider', [1_000, 'JPY']],
  ] as const)('is that of one side whole, by the policy %s', async (policy, price) => {
    await setPolicy(policy);
    await load({ amountMinor: 1_200 });
    await repriceAtStripe(1_000, 'jpy');
    expect((await both()).counts).toMatchObject({ conflicts: 1, rejected: 0 });
    expect(await prices()).toEqual({ venue: price, stripe: price });
    for (const mode of ['incremental', 'full'] as const)
      expect((await both(mode)).counts).toMatchObject({ created: 0, updated: 0, rejected: 0, conflicts: 0 });
  });

  it('is left to a person where the policies of its two fields disagree', async () => {
    await setPolicy('review', [
      { source: 'amountMinor', target: 'amountMinor', direction: 'both', policy: 'venue' },
      { source: 'currency', target: 'currency', direction: 'both', policy: 'provider' },
    ]);
    await load({ amountMinor: 1_200 });
    await repriceAtStripe(1_000, 'jpy');
    await both();
    expect(await prices()).toEqual({ venue: [1_200, 'EUR'], stripe: [1_000, 'JPY'] });
  });

  it('stays that of each side while a person has to decide, also where its amounts were equal at first', async () => {
    await load({ amountMinor: 1_000, currency: 'USD' });
    await repriceAtStripe(1_000, 'jpy');
    await both();
    expect(await conflicts()).toEqual([['amountMinor', 'currency']]);
    await load({ amountMinor: 1_200 });
    for (const mode of ['incremental', 'full'] as const) {
      await both(mode);
      expect(await prices()).toEqual({ venue: [1_200, 'USD'], stripe: [1_000, 'JPY'] });
    }
    expect(await conflicts()).toEqual([['amountMinor', 'currency']]);
  });

  it('is not cleared by half: one side takes it away, the other changes its amount', async () => {
    await setPolicy('provider');
    await load({ amountMinor: null, currency: null });
    await repriceAtStripe(1_100, 'eur');
    expect((await both()).counts).toMatchObject({ rejected: 0 });
    expect(await prices()).toEqual({ venue: [1_100, 'EUR'], stripe: [1_100, 'EUR'] });
  });
});
