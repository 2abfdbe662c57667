import { describe, expect, it } from 'vitest';
import { carriedDetails } from '../../../providers/stripe/products/price-details.ts';
import { priceSchema } from '../../../providers/stripe/products/product-responses.ts';

const OPTION = { tax_behavior: 'unspecified', unit_amount: 800, unit_amount_decimal: '800' };
const price = (currencyOptions: object) =>
  priceSchema.parse({
    ...{
      id: 'price_1',
      object: 'price',
      created: 1,
      active: true,
      billing_scheme: 'per_unit',
      currency: 'usd',
      lookup_key: null,
      metadata: {},
      nickname: null,
      product: 'prod_1',
    },
    ...{
      recurring: null,
      tax_behavior: null,
      tiers_mode: null,
      transform_quantity: null,
      type: 'one_time',
      unit_amount: 900,
      unit_amount_decimal: '900',
      currency_options: currencyOptions,
    },
  });
const carried = (currencyOptions: object) =>
  carriedDetails({ amount: 1_000, currency: 'usd' }, { source: price(currencyOptions), earlier: null, recordId: 'r1' });

describe('the currency options of a replaced price', () => {
  it('are copied with their amounts', () => {
    expect(carried({ usd: OPTION, gbp: OPTION })).toMatchObject({
      params: { currency_options: { gbp: { unit_amount: 800, tax_behavior: 'unspecified' } } },
      notes: [],
    });
  });

  it.each([
    [
      'an amount that the buyer chooses',
      {
        ...OPTION,
        unit_amount: null,
        unit_amount_decimal: null,
        custom_unit_amount: { minimum: 100, maximum: null, preset: null },
      },
    ],
    ['tiers', { ...OPTION, unit_amount: null, unit_amount_decimal: null, tiers: [{ unit_amount: 700, up_to: null }] }],
  ])('are lost, and said to be, where they hold %s; the others are kept', (_what, option) => {
    const { params, notes } = carried({ gbp: OPTION, eur: option });
    expect(Object.keys(params.currency_options ?? {})).toEqual(['gbp']);
    expect(notes).toMatchObject([{ code: 'currency-options-lost' }]);
  });
});
