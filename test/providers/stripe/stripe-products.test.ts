import { existsSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ProductFields } from '../../../records/products.ts';
import { fingerprintOf } from '../../../domain/sync/fingerprint.ts';
import type { ExternalState, ProviderRecord } from '../../../providers/provider.ts';
import { priceSchema } from '../../../providers/stripe/products/product-responses.ts';
import { productMapping } from '../../../providers/stripe/products/products.ts';
import { aStrangeServer, createStripeWorld, refusalOf, writerOf } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

const FIXTURES = new URL('../../../../shared/samples/stripe/fixtures3.json', import.meta.url);
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

interface Price {
  readonly id: string;
  readonly active: boolean;
  readonly currency: string;
  readonly product: string;
  readonly recurring: { readonly interval: string; readonly interval_count: number } | null;
  readonly tax_behavior: string;
  readonly unit_amount: number;
}

const anyFields = fc
  .record({
    name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((name) => name.trim() !== ''),
    description: fc.option(fc.string({ unit: 'grapheme', maxLength: 60 })),
    sku: fc.option(fc.string({ maxLength: 20 })),
    price: fc.option(
      fc.record({
        amountMinor: fc.integer({ min: 0, max: 9_999_999 }).map((amount) => amount * 10),
        currency: fc.constantFrom('EUR', 'JPY', 'KWD', 'USD', 'ISK'),
      }),
    ),
    active: fc.boolean(),
    taxable: fc.option(fc.boolean()),
    images: fc.array(fc.webUrl(), { maxLength: 8 }),
    metadata: fc.dictionary(
      fc.string({ minLength: 1, maxLength: 20 }).filter((key) => !/[[\]]/.test(key) && key !== '__proto__'),
      fc.string({ unit: 'grapheme', maxLength: 40 }),
      { maxKeys: 4 },
    ),
  })
  .map(({ price, ...fields }): ProductFields => ({
    ...fields,
    amountMinor: price?.amountMinor ?? null,
    currency: price?.currency ?? null,
  }));

describe('a product on its way to Stripe and back', () => {
  let world: StripeWorld;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());
  beforeEach(() => world.reset());

  const products = () => world.resource('products');
  const map = (fields: ProductFields) => productMapping.toPayload({ id: ID, sourceId: 'source', fields });
  const fingerprint = (record: ProviderRecord | null) =>
    fingerprintOf(map((record?.fields ?? CHAI) as ProductFields).payload);
  const fieldsOf = (record: ProviderRecord | null | undefined) => record?.fields as ProductFields;
  const pricesOf = async (product: string, active?: boolean) =>
    (await world.state<Price>('prices')).filter(
      (price) => price.product === product && (active === undefined || price.active === active),
    );
  let key = 0;
  const nextKey = () => `key-${(key += 1)}`;
  const create = (fields: ProductFields) => writerOf(products()).create(map(fields), { idempotencyKey: nextKey() });
  const update = (
    remote: ProviderRecord,
    fields: ProductFields,
    options: {
      clearedMetadataKeys?: readonly string[];
      idempotencyKey?: string;
      externalState?: ExternalState | null;
    } = {},
  ) =>
    writerOf(products()).update(remote.externalId, map(fields), {
      idempotencyKey: nextKey(),
      clearedMetadataKeys: [],
      externalState: remote.externalState ?? null,
      ...options,
    });

  it('keeps its fingerprint: our own write is never read as a change', async () => {
    await fc.assert(
      fc.asyncProperty(anyFields, async (fields) => {
        const mapped = map(fields);
        fc.pre(mapped.problems.length === 0);
        const created = await create(fields);
        expect(fingerprint(created)).toBe(fingerprintOf(mapped.payload));
        expect(created.recordId).toBe(ID);
      }),
      { numRuns: 100 },
    );
  });

  it('is equal after an update and after a creation, has at most one active price, and took the predicted calls', async () => {
    await fc.assert(
      fc.asyncProperty(anyFields, anyFields, async (before, after) => {
        fc.pre(map(before).problems.length === 0 && map(after).problems.length === 0);
        const remote = await create(before);
        const clearedMetadataKeys = Object.keys(before.metadata).filter(
          (one) => !Object.hasOwn(after.metadata, one) || after.metadata[one] === '',
        );
        const calls = await world.callsOf(async () => {
          expect(fingerprint(await update(remote, after, { clearedMetadataKeys }))).toBe(
            fingerprintOf(map(after).payload),
          );
        });
        expect(calls).toBe(productMapping.callsToWrite(map(after), { externalState: remote.externalState ?? null }));
        expect(fingerprint(await products().retrieve(remote.externalId))).toBe(fingerprintOf(map(after).payload));
        expect(await pricesOf(remote.externalId, true)).toHaveLength(after.amountMinor === null ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  });

  it.each<[string, ProductFields, ProductFields, number]>([
    ['a change of the name', CHAI, { ...CHAI, name: 'Masala chai' }, 1],
    ['a change of the amount', CHAI, { ...CHAI, amountMinor: 1_900 }, 4],
    ['a change of the currency', CHAI, { ...CHAI, currency: 'USD' }, 4],
    ['a first price', { ...CHAI, amountMinor: null, currency: null }, CHAI, 3],
    ['no price any more', CHAI, { ...CHAI, amountMinor: null, currency: null }, 2],
    [
      'no price as before',
      { ...CHAI, amountMinor: null, currency: null },
      { ...CHAI, amountMinor: null, currency: null, name: 'Free' },
      1,
    ],
  ])('takes for %s as many calls as the mapping says', async (_what, before, after, calls) => {
    const remote = await create(before);
    expect(productMapping.callsToWrite(map(before), null)).toBe(1);
    expect(productMapping.callsToWrite(map(after), { externalState: remote.externalState ?? null })).toBe(calls);
    expect(await world.callsOf(() => update(remote, after))).toBe(calls);
  });

  it('regains its price after losing it', async () => {
    const priceless = { ...CHAI, amountMinor: null, currency: null };
    const remote = await update(await create(CHAI), priceless);
    // Not null, which would leave standing what was known of the earlier price.
    expect(remote.externalState).toEqual({});
    const updated = await update(remote, CHAI);
    expect(updated).toMatchObject({ fields: { amountMinor: 1_800 } });
    expect(await pricesOf(updated.externalId, true)).toHaveLength(1);
  });

  it('has a new price after a change of the amount, and retires the earlier one unchanged', async () => {
    const remote = await create(CHAI);
    const updated = await update(remote, { ...CHAI, amountMinor: 1_900 });
    const prices = await pricesOf(remote.externalId);
    expect(prices.filter(({ active }) => active)).toMatchObject([
      { unit_amount: 1_900, currency: 'eur', id: updated.externalState?.['priceId'] },
    ]);
    expect(prices.filter(({ active }) => !active)).toMatchObject([
      { unit_amount: 1_800, id: remote.externalState?.['priceId'] },
    ]);
    expect(await world.callsOf(() => update(updated, { ...CHAI, amountMinor: 1_900, name: 'Renamed' }))).toBe(1);
  });

  describe.each<[string, ProductFields, number]>([
    ['a change of the amount', { ...CHAI, amountMinor: 1_900 }, 3],
    ['the removal of the price', { ...CHAI, amountMinor: null, currency: null }, 2],
  ])('interrupted during %s', (_what, after, calls) => {
    for (const kind of ['reset', 'commit-then-fail']) {
      it.each(Array.from({ length: calls }, (_, index) => index))(
        `ends as if nothing had happened when it is repeated (${kind} at call %i)`,
        async (lost) => {
          const remote = await create(CHAI);
          const idempotencyKey = nextKey();
          const paths = [
            '/v1/prices',
            `/v1/products/${remote.externalId}`,
            `/v1/prices/${String(remote.externalState?.['priceId'])}`,
          ].slice(3 - calls);
          await world.stripe.fault({ kind, times: 1, match: { method: 'POST', path: paths[lost] } });
          expect((await refusalOf(update(remote, after, { idempotencyKey }))).details.kind).toBe('unavailable');

          const repeated = await update(remote, after, { idempotencyKey });

          expect(fingerprint(repeated)).toBe(fingerprintOf(map(after).payload));
          expect(await pricesOf(remote.externalId, true)).toHaveLength(after.amountMinor === null ? 0 : 1);
          expect(await pricesOf(remote.externalId)).toHaveLength(after.amountMinor === null ? 1 : 2);
          expect(fingerprint(await products().retrieve(remote.externalId))).toBe(fingerprintOf(map(after).payload));
        },
      );
    }
  });

  it('keeps its subscription interval and tax behaviour when its amount changes', async () => {
    const [product] = await world.seed('products', { records: [{ name: 'Membership' }] });
    const price = await world.ask('POST', 'prices', {
      product: product!,
      currency: 'eur',
      unit_amount: '900',
      'recurring[interval]': 'month',
      'recurring[interval_count]': '3',
      tax_behavior: 'inclusive',
    });
    await world.ask('POST', `products/${product}`, { default_price: price['id'] as string });
    const remote = (await products().retrieve(product!))!;
    expect(fieldsOf(remote)).toMatchObject({ amountMinor: 900, currency: 'EUR' });

    await update(remote, { ...fieldsOf(remote), amountMinor: 1_000 });

    expect(await pricesOf(product!, true)).toMatchObject([
      { unit_amount: 1_000, recurring: { interval: 'month', interval_count: 3 }, tax_behavior: 'inclusive' },
    ]);
  });

  it('has no amount for a price with fractions of minor units, and an update without an amount leaves it', async () => {
    const [product] = await world.seed('products', { records: [{ name: 'Screws' }] });
    const price = await world.ask('POST', 'prices', { product: product!, currency: 'eur', unit_amount_decimal: '0.5' });
    await world.ask('POST', `products/${product}`, { default_price: price['id'] as string });
    const remote = (await products().retrieve(product!))!;
    expect(remote).toMatchObject({ externalState: {}, fields: { amountMinor: null, currency: null } });
    expect(await world.callsOf(() => update(remote, { ...fieldsOf(remote), name: 'Small screws' }))).toBe(1);
    expect(await world.state('products')).toMatchObject([{ name: 'Small screws', default_price: price['id'] }]);
  });

  it.each<[string, object]>([
    ['tiered', { billing_scheme: 'tiered', unit_amount: null, tiers_mode: 'graduated' }],
    ['chosen by the buyer', { custom_unit_amount: { minimum: 100, maximum: null, preset: null }, unit_amount: null }],
    ['sold by the package', { transform_quantity: { divide_by: 12, round: 'up' } }],
    ['metered', { recurring: { interval: 'month', interval_count: 1, usage_type: 'metered' } }],
  ])('has no amount when its price is %s', async (_what, kind) => {
    const price = {
      id: 'price_1',
      object: 'price',
      billing_scheme: 'per_unit',
      currency: 'eur',
      unit_amount: 500,
      tax_behavior: null,
      recurring: null,
      ...kind,
    };
    const body = {
      id: 'prod_1',
      object: 'product',
      created: 1_700_000_000,
      active: true,
      name: 'Odd',
      description: null,
      images: [],
      metadata: {},
      default_price: price,
    };
    const server = await aStrangeServer((_req, res) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    );
    expect(await server.open().resource('products').retrieve('prod_1')).toMatchObject({
      externalState: {},
      fields: { amountMinor: null, currency: null },
    });
    await server.close();
  });

  it('is archived, and restored by the next update unless it is deleted', async () => {
    const remote = await create(CHAI);
    expect(await writerOf(products()).archive(remote.externalId, { idempotencyKey: nextKey() })).toBe('archived');
    expect(await products().retrieve(remote.externalId)).toMatchObject({ deleted: false, fields: { active: false } });
    expect(await update(remote, CHAI)).toMatchObject({ fields: { active: true } });
    const [bare] = await world.seed('products', { records: [{ name: 'Bare' }] });
    await world.ask('DELETE', `products/${bare}`);
    expect(await writerOf(products()).archive(bare!, { idempotencyKey: nextKey() })).toBe('deleted');
    expect(await products().retrieve(bare!)).toBeNull();
  });

  it.each<[string, ProductFields]>([
    ['without a change of its price', { ...CHAI, amountMinor: null, currency: null }],
    ['with a new price', CHAI],
  ])('is refused as missing when it is gone, %s', async (_what, fields) => {
    const [bare] = await world.seed('products', { records: [{ name: 'Bare' }] });
    const remote = (await products().retrieve(bare!))!;
    await world.ask('DELETE', `products/${bare}`);
    expect((await refusalOf(update(remote, fields))).details).toMatchObject({ kind: 'rejected', httpStatus: 404 });
  });

  it.each<[string, Partial<ProductFields>, string]>([
    ['an empty name', { name: '' }, 'name'],
    ['a name of blanks', { name: '  ' }, 'name'],
    ['a name that is too long', { name: 'n'.repeat(251) }, 'name'],
    ['a description that is too long', { description: 'd'.repeat(40_001) }, 'description'],
    ['a sku that is too long', { sku: 's'.repeat(501) }, 'sku'],
    ['nine images', { images: Array.from({ length: 9 }, (_, index) => `https://example.com/${index}.png`) }, 'images'],
    ['an image address that is too long', { images: [`https://example.com/${'i'.repeat(2_048)}`] }, 'images.0'],
    ['a negative amount', { amountMinor: -1 }, 'amountMinor'],
    ['an amount without a currency', { currency: null }, 'currency'],
    ['a currency that is none', { currency: 'QQQ' }, 'amountMinor'],
    ['a thousandth that no card network takes', { amountMinor: 1_001, currency: 'KWD' }, 'amountMinor'],
    ['a fraction of an ariary', { amountMinor: 150, currency: 'MGA' }, 'amountMinor'],
    ['a metadata key that is too long', { metadata: { ['k'.repeat(41)]: '1' } }, 'metadata.0'],
  ])('is told before it is sent: %s', (_what, fields, path) => {
    expect(map({ ...CHAI, ...fields }).problems).toMatchObject([{ path }]);
  });

  it('is accepted at every limit, by us and by Stripe’s stand-in', async () => {
    const images = Array.from({ length: 8 }, (_, index) => `https://example.com/${index}/`.padEnd(2_048, 'i'));
    const metadata = Object.fromEntries(
      Array.from({ length: 46 }, (_, index) => [`${index}`.padEnd(40, 'k'), 'v'.repeat(500)]),
    );
    const full: ProductFields = {
      ...CHAI,
      name: 'n'.repeat(250),
      description: 'd'.repeat(40_000),
      sku: 's'.repeat(500),
      taxable: true,
      images,
      metadata,
    };
    expect(map(full).problems).toEqual([]);
    await expect(create(full)).resolves.toMatchObject({
      recordId: ID,
      fields: { sku: full.sku, taxable: true, images },
    });
  });

  it.each([
    ['a price that is only an id', { default_price: 'price_1' }],
    ['no list of images', { images: null }],
    [
      'an amount that is a fraction',
      {
        default_price: {
          id: 'price_1',
          object: 'price',
          billing_scheme: 'per_unit',
          currency: 'eur',
          unit_amount: 1.5,
        },
      },
    ],
    ['another object', { object: 'plan' }],
  ])('is an unexpected response with %s', async (_what, fields) => {
    const body = {
      id: 'prod_1',
      object: 'product',
      created: 1_700_000_000,
      active: true,
      name: 'Odd',
      description: null,
      images: [],
      metadata: {},
      default_price: null,
      ...fields,
    };
    const server = await aStrangeServer((_req, res) =>
      res.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
    );
    expect((await refusalOf(server.open().resource('products').retrieve('prod_1'))).details.kind).toBe(
      'unexpected-response',
    );
    await server.close();
  });

  it.skipIf(!existsSync(FIXTURES))(
    'has a price that is read from Stripe’s own sample (skipped loudly: the samples are not part of this repository)',
    () => {
      const { resources } = JSON.parse(readFileSync(FIXTURES, 'utf8')) as {
        readonly resources: Readonly<Record<string, unknown>>;
      };
      expect(priceSchema.parse(resources['price'])).toMatchObject({ object: 'price', unit_amount: 2_000 });
    },
  );
});

if (!existsSync(FIXTURES))
  process.stderr.write(
    'SKIPPED: Stripe’s published fixtures are not next to this repository; the sample price was not parsed.\n',
  );
