import { describe, expect, it } from 'vitest';
import { aSandbox, stripeError } from '../support.ts';

describe('a stand-in price in several currencies', () => {
  const aPrice = async () => {
    const { stripe } = await aSandbox();
    const price = await stripe.prices.create({
      currency: 'usd',
      unit_amount: 300,
      product_data: { name: 'Tea' },
      currency_options: { eur: { unit_amount: 280 } },
    });
    return { stripe, price };
  };

  it('shows its currency options only on request, including its own currency', async () => {
    const { stripe, price } = await aPrice();
    expect(price).not.toHaveProperty('currency_options');
    expect(await stripe.prices.retrieve(price.id)).not.toHaveProperty('currency_options');
    const expected = {
      usd: { unit_amount: 300, custom_unit_amount: null },
      eur: { unit_amount: 280, tax_behavior: 'unspecified' },
    };
    expect((await stripe.prices.retrieve(price.id, { expand: ['currency_options'] })).currency_options).toMatchObject(
      expected,
    );
    expect((await stripe.prices.list({ expand: ['data.currency_options'] })).data[0]?.currency_options).toMatchObject(
      expected,
    );
    const updated = await stripe.prices.update(price.id, {
      currency_options: { gbp: { unit_amount: 250 } },
      expand: ['currency_options'],
    });
    expect(Object.keys(updated.currency_options ?? {}).sort()).toEqual(['eur', 'gbp', 'usd']);
  });

  it('rejects an option in its own currency, and one without an amount', async () => {
    const { stripe, price } = await aPrice();
    expect(
      await stripeError(stripe.prices.update(price.id, { currency_options: { usd: { unit_amount: 1 } } })),
    ).toMatchObject({ statusCode: 400 });
    expect(
      await stripeError(stripe.prices.update(price.id, { currency_options: { gbp: { tax_behavior: 'inclusive' } } })),
    ).toMatchObject({ statusCode: 400 });
  });

  it('transfers a lookup key to a new price only on request', async () => {
    const { stripe, price } = await aPrice();
    await stripe.prices.update(price.id, { lookup_key: 'tea' });
    const next = { currency: 'usd', unit_amount: 350, product: price.product as string, lookup_key: 'tea' };
    expect(await stripeError(stripe.prices.create(next))).toMatchObject({ statusCode: 400, param: 'lookup_key' });
    const created = await stripe.prices.create({ ...next, transfer_lookup_key: true });
    expect(created.lookup_key).toBe('tea');
    expect((await stripe.prices.retrieve(price.id)).lookup_key).toBeNull();
  });
});
