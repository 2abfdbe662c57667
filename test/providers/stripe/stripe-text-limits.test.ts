import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CustomerFields } from '../../../records/customers.ts';
import type { ProductFields } from '../../../records/products.ts';
import { createStripeWorld, writerOf } from './stripe-world.ts';
import type { StripeWorld } from './stripe-world.ts';

const BALLOON = '🎈';
const ID = '0199f2c8-0000-7000-8000-000000000003';
const customer = (more: Partial<CustomerFields>): CustomerFields => ({
  name: null,
  email: null,
  phone: null,
  address: null,
  marketingConsent: null,
  metadata: {},
  ...more,
});
const product = (more: Partial<ProductFields>): ProductFields => ({
  name: 'Tea',
  description: null,
  sku: null,
  amountMinor: null,
  currency: null,
  active: true,
  taxable: null,
  images: [],
  metadata: {},
  ...more,
});

describe('text limits of Stripe', () => {
  let world: StripeWorld;
  beforeAll(async () => {
    world = await createStripeWorld();
  });
  afterAll(() => world.close());

  it.each<[string, 'customers' | 'products', (length: number) => CustomerFields | ProductFields, number]>([
    ['the name of a customer', 'customers', (length) => customer({ name: BALLOON.repeat(length) }), 256],
    ['a metadata value', 'customers', (length) => customer({ metadata: { k: BALLOON.repeat(length) } }), 500],
    ['a metadata key', 'customers', (length) => customer({ metadata: { [BALLOON.repeat(length)]: 'v' } }), 40],
    ['the phone', 'customers', (length) => customer({ phone: BALLOON.repeat(length) }), 20],
    ['the source id', 'customers', () => customer({}), 255],
    ['the name of a product', 'products', (length) => product({ name: BALLOON.repeat(length) }), 250],
    ['the description', 'products', (length) => product({ description: BALLOON.repeat(length) }), 40_000],
    ['the sku', 'products', (length) => product({ sku: BALLOON.repeat(length) }), 500],
  ])('counts %s in characters, as its stand-in does', async (what, resource, fieldsOf, max) => {
    const sourceId = what === 'the source id' ? BALLOON.repeat(max) : 'source';
    const map = (length: number) =>
      world.adapter.mapping(resource).toPayload({ id: ID, sourceId, fields: fieldsOf(length) });
    expect(map(max).problems).toEqual([]);
    await writerOf(world.resource(resource)).create(map(max), { idempotencyKey: `key ${what}` });
    if (what !== 'the source id') expect(map(max + 1).problems).toHaveLength(1);
  });
});
