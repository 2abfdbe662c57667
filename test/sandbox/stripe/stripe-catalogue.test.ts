import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

describe('the catalogue', () => {
  it('creates a product with its default price in one call, with an event for each', async () => {
    const { stripe } = await aSandbox();
    const product = await stripe.products.create({
      name: 'Chai',
      default_price_data: { currency: 'usd', unit_amount: 1_800 },
      metadata: { sourceId: '1' },
      expand: ['default_price'],
    });
    expect(product).toMatchObject({
      name: 'Chai',
      active: true,
      metadata: { sourceId: '1' },
      default_price: { unit_amount: 1_800, currency: 'usd', product: product.id, type: 'one_time' },
    });
    expect((await stripe.events.list()).data.map(({ type }) => type).sort()).toEqual([
      'price.created',
      'product.created',
    ]);
  });

  it('replays the answer to a repeated create with the same key and creates one product', async () => {
    const { stripe, control } = await aSandbox();
    const create = () =>
      stripe.products.create(
        { name: 'Chai', default_price_data: { currency: 'usd', unit_amount: 1 } },
        { idempotencyKey: 'k1' },
      );
    const [first, second] = [await create(), await create()];
    expect(second.id).toBe(first.id);
    expect([(await control.state('products')).length, (await control.state('prices')).length]).toEqual([1, 1]);
  });

  it('accepts the caller’s id once', async () => {
    const { stripe } = await aSandbox();
    expect(await stripe.products.create({ id: 'northwind-1', name: 'Chai' })).toMatchObject({ id: 'northwind-1' });
    expect(await stripeError(stripe.products.create({ id: 'northwind-1', name: 'Chai' }))).toMatchObject({
      statusCode: 400,
      code: 'resource_already_exists',
    });
  });

  it('updates sparsely, moves `updated` and reports previous values; an identical update does neither', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.products.create({ name: 'Chai', description: 'Tea', metadata: { a: '1', b: '2' } });
    const update = () => stripe.products.update(id, { name: 'Chai tea', metadata: { a: '', c: '3' } });
    expect(await update()).toMatchObject({ name: 'Chai tea', description: 'Tea', metadata: { b: '2', c: '3' } });
    await update();
    const updates = (await stripe.events.list({ types: ['product.updated'] })).data;
    expect(updates.map(({ data }) => data.previous_attributes)).toMatchObject([
      { name: 'Chai', metadata: { a: '1', c: null } },
    ]);
  });

  it('never changes an amount: another amount needs another price', async () => {
    const { stripe } = await aSandbox();
    const price = await stripe.prices.create({ currency: 'usd', unit_amount: 1_800, product_data: { name: 'Chai' } });
    const change = stripe.prices.update(price.id, { unit_amount: 2_000 } as Stripe.PriceUpdateParams);
    expect(await stripeError(change)).toMatchObject({
      statusCode: 400,
      code: 'parameter_unknown',
      param: 'unit_amount',
    });
    expect(
      await stripe.prices.update(price.id, { active: false, nickname: 'Old', metadata: { a: '1' } }),
    ).toMatchObject({ active: false, nickname: 'Old', unit_amount: 1_800 });
  });

  it('rejects archiving the default price until another one is the default', async () => {
    const { stripe } = await aSandbox();
    const product = await stripe.products.create({
      name: 'Chai',
      default_price_data: { currency: 'usd', unit_amount: 1_800 },
    });
    const old = product.default_price as string;
    expect(await stripeError(stripe.prices.update(old, { active: false }))).toMatchObject({
      statusCode: 400,
      message: 'This price cannot be archived because it is the default price of its product.',
    });
    const { id: next } = await stripe.prices.create({ product: product.id, currency: 'usd', unit_amount: 2_000 });
    await stripe.products.update(product.id, { default_price: next });
    expect(await stripe.prices.update(old, { active: false })).toMatchObject({ active: false });
  });

  it('rejects a default price that is archived or belongs to another product', async () => {
    const { stripe } = await aSandbox();
    const { id } = await stripe.products.create({ name: 'Chai' });
    const foreign = await stripe.prices.create({ currency: 'usd', unit_amount: 1, product_data: { name: 'Other' } });
    const archived = await stripe.prices.create({ currency: 'usd', unit_amount: 1, product: id, active: false });
    for (const price of [foreign.id, archived.id, 'price_none']) {
      expect(await stripeError(stripe.products.update(id, { default_price: price }))).toMatchObject({
        statusCode: 400,
        param: 'default_price',
      });
    }
  });

  it('deletes a product only when it has no prices, and then no longer finds it', async () => {
    const { stripe } = await aSandbox();
    const priced = await stripe.products.create({
      name: 'Chai',
      default_price_data: { currency: 'usd', unit_amount: 1 },
    });
    expect(await stripeError(stripe.products.del(priced.id))).toMatchObject({
      statusCode: 400,
      message: 'This product cannot be deleted because it has one or more user-created prices.',
    });
    const bare = await stripe.products.create({ name: 'Bare' });
    expect(await stripe.products.del(bare.id)).toMatchObject({ id: bare.id, object: 'product', deleted: true });
    expect(await stripeError(stripe.products.retrieve(bare.id))).toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    });
    expect((await stripe.events.list({ types: ['product.deleted'] })).data).toHaveLength(1);
  });

  it('lists by Stripe’s filters, with the default price expanded on request', async () => {
    const { stripe } = await aSandbox();
    const sold = await stripe.products.create({
      name: 'Chai',
      default_price_data: { currency: 'usd', unit_amount: 1 },
    });
    const gone = await stripe.products.create({ name: 'Tofu', active: false });
    const ids = async (query: Stripe.ProductListParams) => (await stripe.products.list(query)).data.map(({ id }) => id);
    expect(await ids({ active: true })).toEqual([sold.id]);
    expect(await ids({ active: false })).toEqual([gone.id]);
    expect(await ids({ ids: [gone.id, 'prod_none'] })).toEqual([gone.id]);
    expect((await stripe.products.list({ active: true, expand: ['data.default_price'] })).data).toMatchObject([
      { default_price: { object: 'price', unit_amount: 1 } },
    ]);
    expect((await stripe.prices.list({ product: sold.id })).data).toMatchObject([{ id: sold.default_price }]);
    expect((await stripe.prices.list({ product: gone.id })).data).toEqual([]);
  });

  it('gives a lookup key to one price at a time', async () => {
    const { stripe } = await aSandbox();
    const { id: product } = await stripe.products.create({ name: 'Chai' });
    const first = await stripe.prices.create({ product, currency: 'usd', unit_amount: 1, lookup_key: 'chai' });
    expect(
      await stripeError(stripe.prices.create({ product, currency: 'usd', unit_amount: 2, lookup_key: 'chai' })),
    ).toMatchObject({ param: 'lookup_key' });
    const second = await stripe.prices.create({
      product,
      currency: 'usd',
      unit_amount: 2,
      lookup_key: 'chai',
      transfer_lookup_key: true,
    });
    expect((await stripe.prices.list({ lookup_keys: ['chai'] })).data).toMatchObject([{ id: second.id }]);
    expect(await stripe.prices.retrieve(first.id)).toMatchObject({ lookup_key: null });
  });

  it.each([
    ['1050', 1_050, '1050'],
    ['10.50', null, '10.5'],
    ['10.00', 10, '10'],
  ])('keeps a unit amount of %s exactly', async (sent, whole, decimal) => {
    const { raw } = await aSandbox();
    const response = await raw('POST', '/v1/prices', {
      body: `currency=usd&unit_amount_decimal=${sent}&product_data[name]=Chai`,
    });
    expect(response.json()).toMatchObject({ unit_amount: whole, unit_amount_decimal: decimal });
  });

  it('counts the results of a search on request', async () => {
    const { stripe, control } = await aSandbox();
    await control.call('POST', '/seed', {
      resource: 'products',
      records: [{ name: 'Chai' }, { name: 'Chai latte', active: false }, { name: 'Tofu' }],
    });
    const found = await stripe.products.search({ query: "name~'chai'", limit: 1, expand: ['total_count'] });
    expect(found).toMatchObject({ total_count: 2, has_more: true });
    expect(await stripe.products.search({ query: "name~'chai' AND active:'true'" })).toMatchObject({
      data: [{ name: 'Chai' }],
    });
    expect(await stripe.customers.search({ query: "name:'nobody'", expand: ['total_count'] })).toMatchObject({
      total_count: 0,
    });
  });

  it.each([
    ['POST', '/v1/products', 'description=x', 'name'],
    ['POST', '/v1/prices', 'currency=usd&unit_amount=1&product=prod_none', 'product'],
    ['POST', '/v1/prices', 'currency=xxx1&unit_amount=1&product_data[name]=A', 'currency'],
    ['POST', '/v1/prices', 'unit_amount=1&product_data[name]=A', 'currency'],
    ['GET', '/v1/products?expand[]=data.name', undefined, 'expand'],
  ])('rejects %s %s %s', async (method, path, body, param) => {
    const { raw, control } = await aSandbox();
    const response = await raw(method, path, body === undefined ? {} : { body });
    expect(response.status).toBe(400);
    expect(response.json().error).toMatchObject({ type: 'invalid_request_error', param });
    expect(await control.state('products')).toEqual([]);
  });
});
