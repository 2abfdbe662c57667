import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { products as productKind } from '../../../records/products.ts';
import type { ProductFields } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

interface StripePrice {
  readonly id: string;
  readonly unit_amount: number;
  readonly currency: string;
  readonly active: boolean;
}
interface StripeProduct {
  readonly id: string;
  readonly name: string;
  readonly active: boolean;
  readonly metadata: Readonly<Record<string, string>>;
  readonly default_price: StripePrice | null;
}

const PRODUCTS = { resource: 'products' } as const;
const aProduct = (index: number, more: object = {}) => ({
  sourceId: `p-${index}`,
  name: `Product ${index}`,
  amountMinor: 1_000 + index,
  currency: 'EUR',
  active: true,
  ...more,
});

describe('a sync of products', () => {
  let world: World;
  let venue: TestVenue;
  let products: RecordStore<ProductFields>;

  beforeAll(async () => {
    world = await createSyncWorld();
    products = createRecordStore(world.database.db, productKind);
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const load = (count: number, more: object = {}, of = venue) =>
    products.upsertMany(
      of.venueId,
      Array.from({ length: count }, (_, index) => aProduct(index, more)),
    );
  const held = async (of = venue) =>
    (await listRecords(products, of.venueId, { filter: { includeDeleted: true }, page: { limit: 200, after: null } }))
      .data;
  const atStripe = async () =>
    (
      await world.callStripe<{ readonly data: readonly StripeProduct[] }>(
        'GET',
        'products?limit=100&expand[]=data.default_price',
      )
    ).data;
  const pricesOf = async (id: string) =>
    (await world.callStripe<{ readonly data: readonly StripePrice[] }>('GET', `prices?limit=100&product=${id}`)).data;
  const remove = async (sourceId: string) => {
    const record = (await held()).find((one) => one.sourceId === sourceId);
    await products.remove(venue.venueId, record!.id);
  };
  const persist = async (...[direction, mode]: ['push' | 'pull', 'full' | 'incremental']) => {
    const input = await world.open(venue, direction, mode, PRODUCTS);
    await world.begin(input);
    for (let turn = 0; turn < 20; turn += 1)
      if (
        (await world.chunk(input).then(
          ({ status }) => status,
          () => 'failed',
        )) === 'done'
      )
        return world.finish(input);
    throw new Error('the run does not end');
  };

  it('pushes them with their prices, writes nothing the second time, and pulls back the same', async () => {
    await load(5);
    await products.upsertMany(venue.venueId, [{ sourceId: 'free', name: 'Without a price', active: true }]);
    expect((await world.sync(venue, 'push', 'full', PRODUCTS)).counts).toMatchObject({ created: 6, rejected: 0 });
    const remotes = await atStripe();
    expect(
      remotes
        .map(({ name, default_price: price }) => `${name} ${price?.unit_amount ?? 'none'} ${price?.currency ?? ''}`)
        .sort(),
    ).toEqual(
      [
        ...Array.from({ length: 5 }, (_, index) => `Product ${index} ${1_000 + index} eur`),
        'Without a price none ',
      ].sort(),
    );
    expect(await world.sync(venue, 'push', 'full', PRODUCTS)).toMatchObject({
      providerCalls: 0,
      counts: { unchanged: 6 },
    });
    expect((await world.sync(venue, 'pull', 'full', PRODUCTS)).counts).toMatchObject({
      created: 0,
      updated: 0,
      conflicts: 0,
      unchanged: 6,
    });
    expect(await world.sync(venue, 'push', 'full', PRODUCTS)).toMatchObject({ providerCalls: 0 });
  });

  it('changes a price by creating a new one, back and forth, and leaves one in use', async () => {
    await load(1);
    await world.sync(venue, 'push', 'full', PRODUCTS);
    for (const amountMinor of [2_000, 1_000, 2_000, 1_000, 2_000]) {
      await load(1, { amountMinor });
      expect((await world.sync(venue, 'push', 'incremental', PRODUCTS)).counts).toMatchObject({
        updated: 1,
        rejected: 0,
      });
      const [remote] = await atStripe();
      expect(remote!.default_price).toMatchObject({ unit_amount: amountMinor, currency: 'eur', active: true });
      expect((await pricesOf(remote!.id)).filter(({ active }) => active)).toHaveLength(1);
    }
    await load(1, { amountMinor: null, currency: null });
    await world.sync(venue, 'push', 'incremental', PRODUCTS);
    expect((await atStripe())[0]!.default_price).toBeNull();
  });

  it.each([
    ['the new price', '/v1/prices$'],
    ['the product', '/v1/products/.*'],
    ['the retired price', '/v1/prices/.*'],
  ])('changes a price once when the answer about %s is lost', async (_what, path) => {
    await load(1);
    await world.sync(venue, 'push', 'full', PRODUCTS);
    await load(1, { amountMinor: 2_000 });
    await world.stripe.fault({ match: { method: 'POST', path }, times: 1, kind: 'commit-then-fail' });
    expect(await persist('push', 'incremental')).toMatchObject({ outcome: 'completed', counts: { updated: 1 } });
    const [remote] = await atStripe();
    expect(remote!.default_price).toMatchObject({ unit_amount: 2_000 });
    expect((await pricesOf(remote!.id)).map(({ unit_amount: amount, active }) => `${amount} ${active}`).sort()).toEqual(
      ['1000 false', '2000 true'],
    );
    expect(await world.sync(venue, 'push', 'full', PRODUCTS)).toMatchObject({ providerCalls: 0 });
  });

  const STEPS = [
    ['the new price', '/v1/prices$'],
    ['the product', '/v1/products/.*'],
    ['the retired price', '/v1/prices/.*'],
  ] as const;
  /** Every price of the product, with the one it sells at. */
  const offers = async () => {
    const [remote] = await atStripe();
    const prices = await pricesOf(remote!.id);
    return prices
      .map(
        ({ id, unit_amount: amount, active }) =>
          `${amount}${active ? '' : ' retired'}${id === remote!.default_price?.id ? ' default' : ''}`,
      )
      .sort();
  };

  it.each(STEPS)('changes a price once although Stripe stored a failure under the key of %s', async (_what, path) => {
    await load(1);
    await world.sync(venue, 'push', 'full', PRODUCTS);
    await load(1, { amountMinor: 2_000 });
    await world.stripe.fault({ match: { method: 'POST', path }, times: 1, kind: 'status', status: 500, stored: true });
    expect(await persist('push', 'incremental')).toMatchObject({ outcome: 'completed', counts: { updated: 1 } });
    expect(await offers()).toEqual(['1000 retired', '2000 default']);
    expect(await world.sync(venue, 'push', 'full', PRODUCTS)).toMatchObject({ providerCalls: 0 });
  });

  it.each(
    STEPS.flatMap(
      ([what, path]) =>
        [
          [what, path, 'another', 3_000],
          [what, path, 'the one before', 1_000],
        ] as const,
    ),
  )(
    'leaves one price in use when the answer about %s is lost and the price changes again meanwhile (%s: to %s)',
    async (_what, path, _to, amountMinor) => {
      await load(1, { amountMinor: 1_000, metadata: { season: 'summer' } });
      await world.sync(venue, 'push', 'full', PRODUCTS);
      await load(1, { amountMinor: 2_000, name: 'Renamed', metadata: { season: 'summer', colour: 'red' } });
      await world.stripe.fault({ match: { method: 'POST', path }, times: 1, kind: 'commit-then-fail' });
      const interrupted = await world.open(venue, 'push', 'incremental', PRODUCTS);
      await world.begin(interrupted);
      await expect(world.chunk(interrupted)).rejects.toThrow();
      await load(1, { amountMinor, metadata: { season: 'summer' } });
      expect((await world.chunk(interrupted)).status).toBe('done');
      await world.finish(interrupted);

      expect((await offers()).filter((offer) => !offer.includes('retired'))).toEqual([`${amountMinor} default`]);
      const [remote] = await atStripe();
      expect(remote).toMatchObject({ name: 'Product 0', metadata: { season: 'summer' } });
      expect(remote!.metadata).not.toHaveProperty('colour');
      expect(await world.sync(venue, 'push', 'full', PRODUCTS)).toMatchObject({ providerCalls: 0 });
    },
  );

  it('archives what the venue deleted and restores it as the same remote record, repeatedly', async () => {
    await load(2);
    await world.sync(venue, 'push', 'full', PRODUCTS);
    const ids = (await atStripe()).map(({ id }) => id).sort();
    const active = async () => (await atStripe()).map(({ name, active: inUse }) => `${name} ${inUse}`).sort();
    for (let round = 0; round < 3; round += 1) {
      await remove('p-0');
      expect((await world.sync(venue, 'push', 'incremental', PRODUCTS)).counts).toMatchObject({
        archived: 1,
        rejected: 0,
      });
      expect(await active()).toEqual(['Product 0 false', 'Product 1 true']);
      expect((await world.sync(venue, 'pull', 'full', PRODUCTS)).counts).toMatchObject({
        archived: 0,
        created: 0,
        updated: 0,
      });
      expect(await world.sync(venue, 'push', 'full', PRODUCTS)).toMatchObject({ providerCalls: 0 });
      await load(1);
      expect((await world.sync(venue, 'push', 'incremental', PRODUCTS)).counts).toMatchObject({
        updated: 1,
        created: 0,
      });
      expect(await active()).toEqual(['Product 0 true', 'Product 1 true']);
    }
    expect((await atStripe()).map(({ id }) => id).sort()).toEqual(ids);
  });

  it('pulls edits, price changes, creations and deletions from the change feed, and archives records missing from a listing', async () => {
    await world.stripe.seed({
      resource: 'products',
      records: Array.from({ length: 6 }, (_, index) => ({
        name: `Product ${index}`,
        unit_amount: 500,
        currency: 'eur',
        created: Math.floor(Date.now() / 1_000) - 1_000 - index,
      })),
    });
    await world.stripe.seed({
      resource: 'products',
      records: [{ name: 'Without a price', created: Math.floor(Date.now() / 1_000) - 5_000 }],
    });
    expect((await world.sync(venue, 'pull', 'full', PRODUCTS)).counts).toMatchObject({ created: 7 });
    const remotes = await atStripe();
    const named = (name: string) => remotes.find((remote) => remote.name === name)!.id;
    const price = await world.callStripe('POST', 'prices', {
      product: named('Product 1'),
      unit_amount: '900',
      currency: 'eur',
    });
    await world.callStripe('POST', `products/${named('Product 1')}`, { default_price: price.id });
    await world.callStripe('POST', `products/${named('Product 2')}`, { name: 'Renamed', active: 'false' });
    await world.callStripe('DELETE', `products/${named('Without a price')}`);
    await world.callStripe('POST', 'products', { name: 'Newcomer' });
    // A reading counts as just before the second in which it was taken, so nothing within that second is newer.
    await new Promise((resolve) => setTimeout(resolve, 1_100));

    const run = await world.sync(venue, 'pull', 'incremental', PRODUCTS);

    expect(run.counts).toMatchObject({ updated: 2, created: 1, archived: 1, conflicts: 0 });
    const records = await held();
    expect(records.find(({ name }) => name === 'Product 1')).toMatchObject({ amountMinor: 900, currency: 'EUR' });
    expect(records.find(({ name }) => name === 'Renamed')).toMatchObject({ active: false, amountMinor: 500 });
    expect(records.filter(({ deletedAt }) => deletedAt !== null).map(({ name }) => name)).toEqual(['Without a price']);
    expect((await world.sync(venue, 'push', 'full', PRODUCTS)).counts).toMatchObject({ unchanged: 7 });
  });

  it('reports in a dry run what a push would cost: four calls for a new price, one for a name', async () => {
    await load(3);
    await world.sync(venue, 'push', 'full', PRODUCTS);
    await products.upsertMany(venue.venueId, [
      aProduct(0, { amountMinor: 5_000 }),
      aProduct(1, { name: 'Renamed' }),
      aProduct(7),
    ]);
    await remove('p-2');
    const {
      syncId: planId,
      providerCalls,
      counts,
    } = await world.sync(venue, 'push', 'full', { ...PRODUCTS, dryRun: true });
    expect({ providerCalls, counts }).toMatchObject({
      providerCalls: 0,
      counts: { created: 1, updated: 2, archived: 1 },
    });
    const run = await world.sync(venue, 'push', 'full', { ...PRODUCTS, planId });
    expect(run.providerCalls).toBe((await world.runs.find(venue.venueId, planId))?.plan?.calls);
    expect(await world.runs.find(venue.venueId, run.syncId)).toMatchObject({ deviationCount: 0 });
  });

  it('separates two venues with one account, and products and customers with the same names', async () => {
    const other = await world.aVenue();
    await load(3);
    await world.customers.upsertMany(venue.venueId, [{ sourceId: 'p-0', name: 'A customer', email: null }]);
    await world.sync(venue, 'push', 'full', PRODUCTS);
    expect(await world.stripe.customers()).toEqual([]);
    expect((await world.sync(other, 'pull', 'full', PRODUCTS)).counts).toMatchObject({ created: 3 });
    const before = await held(other);
    await remove('p-0');
    await world.sync(venue, 'push', 'full', PRODUCTS);
    await load(2, { name: 'Renamed' });
    await world.sync(venue, 'push', 'full', PRODUCTS);
    expect(await held(other)).toEqual(before);
    expect((await world.sync(venue, 'push', 'full')).counts).toMatchObject({ read: 1, created: 1 });
  });
});
