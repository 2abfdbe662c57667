import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProductFields } from '../../../records/products.ts';
import type { ProviderRecord } from '../../../providers/provider.ts';
import { productMapping } from '../../../providers/stripe/products/products.ts';
import { allOf, createStripeWorld, readAll, writerOf } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

const ID = '0199f2c8-0000-7000-8000-000000000002';
const CHAI: ProductFields = {
  name: 'Chai',
  description: null,
  sku: null,
  amountMinor: 1_800,
  currency: 'EUR',
  active: true,
  taxable: null,
  images: [],
  metadata: {},
};

describe('a product at Stripe', () => {
  let world: StripeWorld;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.reset());

  const products = () => world.resource('products');
  const map = (fields: ProductFields) => productMapping.toPayload({ id: ID, sourceId: 'source', fields });
  let key = 0;
  const nextKey = () => `key-${(key += 1)}`;
  const create = (fields: ProductFields) => writerOf(products()).create(map(fields), { idempotencyKey: nextKey() });
  const update = (remote: ProviderRecord, fields: ProductFields) =>
    writerOf(products()).update(remote.externalId, map(fields), {
      idempotencyKey: nextKey(),
      clearedMetadataKeys: [],
      externalState: remote.externalState ?? null,
    });

  describe('read from the change feed', () => {
    const changes = async () => (await products().listPage(allOf('events'))).records;

    it('is read once, in its present state with its default price’s amount, in two calls per page', async () => {
      const remote = await create(CHAI);
      await update(remote, { ...CHAI, amountMinor: 1_900, name: 'Masala chai' });
      expect(
        await world.callsOf(async () => {
          expect(await changes()).toMatchObject([
            {
              externalId: remote.externalId,
              deleted: false,
              recordId: ID,
              fields: { name: 'Masala chai', amountMinor: 1_900 },
            },
          ]);
        }),
      ).toBe(2);
    });

    it('is read when only its price was changed', async () => {
      const remote = await create(CHAI);
      await world.stripe.seed({ resource: 'products', records: [{ name: 'Another', unit_amount: 5 }] });
      const price = await world.ask('POST', 'prices', {
        product: remote.externalId,
        currency: 'eur',
        unit_amount: '2500',
      });
      await world.ask('POST', `products/${remote.externalId}`, { default_price: price['id'] as string });
      expect(await changes()).toMatchObject([
        { externalId: remote.externalId, fields: { amountMinor: 2_500 }, externalState: { priceId: price['id'] } },
      ]);
    });

    it('is reported as deleted and nothing else', async () => {
      const created = await world.ask('POST', 'products', { name: 'Short-lived', 'metadata[interlock_record_id]': ID });
      const id = created['id'] as string;
      await world.ask('POST', `products/${id}`, { name: 'Renamed' });
      await world.ask('DELETE', `products/${id}`);
      expect(await changes()).toMatchObject([{ externalId: id, deleted: true, recordId: ID, fields: null }]);
    });

    it('takes no further call when nothing changed', async () => {
      await world.seed('products', { count: 3 });
      expect(
        await world.callsOf(async () => {
          expect(await changes()).toEqual([]);
        }),
      ).toBe(1);
    });

    it('has a position for every event, also for 250 of them', async () => {
      const remotes = [];
      for (let index = 0; index < 84; index += 1)
        remotes.push((await create({ ...CHAI, name: `Product ${index}` })).externalId);
      for (const id of remotes) await world.ask('POST', `products/${id}`, { name: `Renamed ${id}` });
      const pages = await readAll(products(), allOf('events'));
      expect(new Set(pages.flatMap(({ positions }) => positions.map(({ id }) => id))).size).toBe(
        pages.reduce((sum, { positions }) => sum + positions.length, 0),
      );
      expect(new Set(pages.flatMap(({ records }) => records.map(({ externalId }) => externalId)))).toEqual(
        new Set(remotes),
      );
      expect(
        pages
          .flatMap(({ records }) => records)
          .every(({ fields }) => (fields as ProductFields).name.startsWith('Renamed')),
      ).toBe(true);
    });
  });

  it('is listed with its amount in one call per page, also when inactive', async () => {
    const ids = await world.seed('products', { count: 140 });
    await world.ask('POST', `products/${ids[3]}`, { active: 'false' });
    expect(
      await world.callsOf(async () => {
        const pages = await readAll(products(), allOf('products'));
        const records = pages.flatMap((page) => page.records);
        expect(records.map(({ externalId }) => externalId).sort()).toEqual([...ids].sort());
        expect(records.every(({ fields }) => Number.isSafeInteger((fields as ProductFields).amountMinor))).toBe(true);
        expect(records.filter(({ fields }) => !(fields as ProductFields).active)).toHaveLength(1);
      }),
    ).toBe(2);
  });

  it('is counted with one call, active or not', async () => {
    await world.seed('products', { records: [{ name: 'a' }, { name: 'b', active: false }, { name: 'c' }] });
    expect(
      await world.callsOf(async () => {
        expect(await products().count()).toBe(3);
      }),
    ).toBe(1);
  });

  it('is found by our id, page after page', async () => {
    const remote = await create(CHAI);
    await world.seed('products', {
      records: Array.from({ length: 130 }, (_, index) => ({
        name: `Other ${index}`,
        created: Math.floor(Date.now() / 1_000) + 5,
      })),
    });
    const hint = { recordId: ID, email: null, fields: {}, createdSinceEpochS: 0 };
    const first = await writerOf(products()).findRemote({ ...hint, after: null });
    expect(first).toMatchObject({ found: null, after: expect.any(String) as string });
    expect(await writerOf(products()).findRemote({ ...hint, after: first.after })).toMatchObject({
      found: { externalId: remote.externalId, externalState: { amount: 1_800 } },
      after: null,
    });
  });
});
