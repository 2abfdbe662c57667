import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createRecordStore } from '../../../db/records/record-store.ts';
import type { RecordStore } from '../../../db/records/record-store.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { products as productKind } from '../../../records/products.ts';
import type { ProductFields } from '../../../records/products.ts';
import { listRecords } from '../../support/list-records.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;
type Form = Readonly<Record<string, string>>;

interface Price {
  readonly id: string;
  readonly active: boolean;
  readonly lookup_key: string | null;
  readonly nickname: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly unit_amount: number;
  readonly recurring: object | null;
  readonly currency_options?: Readonly<Record<string, object>>;
}

const PRODUCTS = { resource: 'products' } as const;
const BALLOON = '🎈';

describe('a push of products with prices that others set at Stripe', () => {
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

  const record = async () =>
    (await listRecords(products, venue.venueId, { filter: { includeDeleted: false }, page: { limit: 1, after: null } }))
      .data[0]!;
  const change = async (changes: object) =>
    products.update({ venueId: venue.venueId, id: (await record()).id }, changes);
  const push = (mode: 'full' | 'incremental' = 'incremental') => world.sync(venue, 'push', mode, PRODUCTS);
  const pull = () => world.sync(venue, 'pull', 'full', PRODUCTS);
  const aProduct = () => world.callStripe('POST', 'products', { name: 'Tea' });
  const aPrice = (form: Form) => world.callStripe('POST', 'prices', form);
  const pricesOf = async (product: string) =>
    (
      await world.callStripe<{ readonly data: readonly Price[] }>(
        'GET',
        `prices?limit=100&product=${product}&expand[]=data.currency_options`,
      )
    ).data;
  const activeOf = async (product: string) => (await pricesOf(product)).filter(({ active }) => active);
  const defaultOf = async (product: string) =>
    (await world.callStripe<{ readonly default_price: string | null }>('GET', `products/${product}`)).default_price;
  const notesOf = async (run: Awaited<ReturnType<typeof push>>) =>
    (await world.logOf(venue, run.syncId)).filter(({ level }) => level === 'warn');

  describe('to a product without a default price', () => {
    it.each<[string, Form]>([
      ['one-off', {}],
      ['recurring', { 'recurring[interval]': 'month' }],
    ])(
      'keeps its only %s price beside the new one, with a note on the record and in the run’s log',
      async (_what, recurring) => {
        const { id: product } = await aProduct();
        await aPrice({ product, currency: 'usd', unit_amount: '1100', ...recurring });
        await pull();
        await change({ amountMinor: 1_250, currency: 'USD' });
        const run = await push();
        expect(run).toMatchObject({ counts: { updated: 1, rejected: 0 }, providerCalls: 3 });
        expect((await activeOf(product)).map(({ unit_amount: amount }) => amount).sort()).toEqual([1_100, 1_250]);
        expect(await notesOf(run)).toMatchObject([
          { level: 'warn', code: 'other-prices-active', recordId: (await record()).id, externalId: product },
        ]);
        expect((await record()).links).toMatchObject([{ notes: [{ code: 'other-prices-active' }] }]);
      },
    );

    it('makes an active one-off price with the same amount the default, and keeps the note while others are active', async () => {
      const { id: product } = await aProduct();
      const { id: same } = await aPrice({ product, currency: 'usd', unit_amount: '1250' });
      await pull();
      await change({ amountMinor: 1_250, currency: 'USD' });
      expect(await notesOf(await push())).toEqual([]);
      expect(await activeOf(product)).toMatchObject([{ id: same }]);
      expect(await defaultOf(product)).toBe(same);
    });

    it('does not turn a one-off amount into a subscription, and retires no foreign price', async () => {
      const { id: product } = await aProduct();
      await aPrice({ product, currency: 'usd', unit_amount: '1250', 'recurring[interval]': 'month' });
      await aPrice({ product, currency: 'usd', unit_amount: '900' });
      await aPrice({ product, currency: 'eur', unit_amount: '1250' });
      await pull();
      await change({ amountMinor: 1_250, currency: 'USD' });
      expect(await notesOf(await push())).toHaveLength(1);
      expect(await activeOf(product)).toHaveLength(4);
    });

    it('adds no note without another active price, and removes the note with the next write', async () => {
      const { id: product } = await aProduct();
      const { id: other } = await aPrice({ product, currency: 'usd', unit_amount: '1100' });
      await pull();
      await change({ amountMinor: 1_250, currency: 'USD' });
      await push();
      await world.callStripe('POST', `prices/${other}`, { active: 'false' });
      await push('full');
      expect((await record()).links).toMatchObject([{ notes: [{ code: 'other-prices-active' }] }]);
      await change({ name: 'Green tea' });
      expect(await notesOf(await push())).toEqual([]);
      expect((await record()).links).toMatchObject([{ notes: [] }]);
    });
  });

  describe('that replaces a price', () => {
    const pushed = async (more: object = {}) => {
      await products.upsertMany(venue.venueId, [
        { sourceId: 'tea', name: 'Tea', amountMinor: 300, currency: 'USD', ...more },
      ]);
      await push('full');
      const { data } = await world.callStripe<{
        readonly data: readonly { readonly id: string; readonly default_price: string }[];
      }>('GET', 'products');
      return { product: data[0]!.id, price: data[0]!.default_price };
    };
    const STEPS = [
      ['the new price', '/v1/prices$'],
      ['the product', '/v1/products/.*'],
      ['the retired price', '/v1/prices/.*'],
    ] as const;
    const DETAILS = {
      lookup_key: 'tea',
      nickname: 'Cup',
      'metadata[shelf]': '7',
      'currency_options[eur][unit_amount]': '280',
      'currency_options[jpy][unit_amount]': '400',
      tax_behavior: 'inclusive',
    };
    const EXPECTED = {
      ...{
        lookup_key: 'tea',
        nickname: 'Cup',
        metadata: { shelf: '7', interlock_record_id: expect.any(String) as string },
        tax_behavior: 'inclusive',
      },
      currency_options: { eur: { unit_amount: 280 }, jpy: { unit_amount: 400 } },
    };

    it('copies lookup key, nickname, metadata, tax behaviour and currency options to the new one, in four calls', async () => {
      const { product, price } = await pushed();
      await world.callStripe('POST', `prices/${price}`, DETAILS);
      await change({ amountMinor: 350 });
      expect(await push()).toMatchObject({ counts: { updated: 1 }, providerCalls: 4 });
      expect(await activeOf(product)).toMatchObject([{ unit_amount: 350, ...EXPECTED }]);
      expect(await world.callStripe('GET', `prices/${price}`)).toMatchObject({
        active: false,
        lookup_key: null,
        nickname: 'Cup',
        metadata: { shelf: '7' },
      });
      expect(await push('full')).toMatchObject({ providerCalls: 0 });
    });

    it('copies them repeatedly, but never another record’s marker', async () => {
      const { product, price } = await pushed();
      await world.callStripe('POST', `prices/${price}`, { ...DETAILS, 'metadata[interlock_record_id]': 'another' });
      for (const amountMinor of [350, 300, 350]) {
        await change({ amountMinor });
        await push();
        expect(await activeOf(product)).toMatchObject([
          { unit_amount: amountMinor, ...EXPECTED, metadata: { interlock_record_id: (await record()).id } },
        ]);
      }
    });

    it('drops the option that becomes the price’s own currency', async () => {
      const { product, price } = await pushed();
      await world.callStripe('POST', `prices/${price}`, DETAILS);
      await change({ amountMinor: 290, currency: 'EUR' });
      await push();
      const [active] = await activeOf(product);
      expect(active).toMatchObject({ unit_amount: 290, lookup_key: 'tea' });
      expect(Object.keys(active!.currency_options!).sort()).toEqual(['eur', 'jpy']);
    });

    it('keeps the trial period and a fraction of a minor unit in another currency', async () => {
      const { id: product } = await aProduct();
      const { id: price } = await aPrice({
        product,
        currency: 'usd',
        unit_amount: '900',
        'recurring[interval]': 'month',
        'recurring[trial_period_days]': '14',
        'currency_options[eur][unit_amount_decimal]': '880.5',
      });
      await world.callStripe('POST', `products/${product}`, { default_price: price });
      await pull();
      await change({ amountMinor: 950 });
      await push();
      expect(await activeOf(product)).toMatchObject([
        {
          unit_amount: 950,
          recurring: { interval: 'month', trial_period_days: 14 },
          currency_options: { eur: { unit_amount: null, unit_amount_decimal: '880.5' } },
        },
      ]);
    });

    it('notes that details are lost when the earlier price is no longer in use', async () => {
      const { product, price } = await pushed();
      await world.callStripe('POST', `products/${product}`, { default_price: '' });
      await world.callStripe('POST', `prices/${price}`, { active: 'false', lookup_key: 'tea' });
      await change({ amountMinor: 350 });
      const run = await push();
      expect(await notesOf(run)).toMatchObject([{ code: 'price-details-lost' }]);
      for (const { message } of await notesOf(run)) expect(message).not.toMatch(/350|\btea\b/i);
      expect(await activeOf(product)).toMatchObject([{ unit_amount: 350, lookup_key: null }]);
    });

    it('keeps fifty metadata keys including ours, and notes that one is lost', async () => {
      const { product, price } = await pushed();
      await world.callStripe('POST', `prices/${price}`, {
        'metadata[interlock_record_id]': '',
        ...Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`metadata[k${index}]`, 'v'])),
      });
      await change({ amountMinor: 350 });
      expect(await notesOf(await push())).toMatchObject([{ code: 'price-metadata-lost' }]);
      const [active] = await activeOf(product);
      expect(Object.keys(active!.metadata)).toHaveLength(50);
    });

    it.each(
      STEPS.flatMap(([what, path]) =>
        (['reset', 'commit-then-fail', 'stored'] as const).map((kind) => [what, kind, path] as const),
      ),
    )('copies them once when the call about %s is interrupted (%s)', async (_what, kind, path) => {
      const { product, price } = await pushed();
      await world.callStripe('POST', `prices/${price}`, DETAILS);
      await change({ amountMinor: 350 });
      await world.stripe.fault({
        match: { method: 'POST', path },
        times: 1,
        ...(kind === 'stored' ? { kind: 'status', status: 500, stored: true } : { kind }),
      });
      const input = await world.open(venue, 'push', 'incremental', PRODUCTS);
      await world.begin(input);
      let ends: readonly string[] = [];
      while (ends.at(-1) !== 'done' && ends.length < 10)
        ends = [
          ...ends,
          await world.chunk(input).then(
            ({ status }) => status,
            () => 'failed',
          ),
        ];
      expect(ends).toContain('failed');
      expect(await world.finish(input)).toMatchObject({ outcome: 'completed', counts: { updated: 1 } });
      expect(await activeOf(product)).toMatchObject([{ unit_amount: 350, ...EXPECTED }]);
      expect(await pricesOf(product)).toHaveLength(2);
      expect(await push('full')).toMatchObject({ providerCalls: 0 });
    });
  });

  it('writes a customer whose name and metadata have Stripe’s maximum length in characters', async () => {
    await world.customers.upsertMany(venue.venueId, [
      { sourceId: 'c', name: BALLOON.repeat(200), metadata: { note: BALLOON.repeat(400) } },
    ]);
    expect((await world.sync(venue, 'push', 'full')).counts).toMatchObject({ created: 1, rejected: 0 });
    expect(await world.stripe.customers()).toMatchObject([
      { name: BALLOON.repeat(200), metadata: { note: BALLOON.repeat(400) } },
    ]);
  });
});
