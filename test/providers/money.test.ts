import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minorDigitsOf } from '../../domain/reference/currencies.ts';
import type { ProductFields } from '../../records/products.ts';
import { decimalOf, decimalText, minorOf, numberOf } from '../../providers/quickbooks/http/decimals.ts';
import { itemSchema } from '../../providers/square/products/catalogue-responses.ts';
import { newItem } from '../../providers/square/products/item-merge.ts';
import { productMapping as squareProducts } from '../../providers/square/products/product-mapping.ts';
import type { SentProduct } from '../../providers/square/products/product-mapping.ts';
import { toProducts } from '../../providers/square/products/products.ts';
import { moneyOf } from '../../providers/stripe/products/prices.ts';
import { priceSchema } from '../../providers/stripe/products/product-responses.ts';
import { productMapping as stripeProducts } from '../../providers/stripe/products/products.ts';
import type { ProductPayload } from '../../providers/stripe/products/products.ts';

// Two, no, three and four decimals; ISK, UGX and MGA have other decimals at Stripe than in ISO 4217.
const currency = fc.constantFrom('EUR', 'USD', 'JPY', 'KRW', 'BHD', 'KWD', 'CLF', 'ISK', 'UGX', 'MGA');
const amountMinor = fc.oneof(
  fc.nat(100_000),
  fc.maxSafeNat(),
  fc.constantFrom(0, 1, 9, 10, 99, 100, 999, 1_000, Number.MAX_SAFE_INTEGER),
);
const runs = { numRuns: 1_000 };

const product = (money: Pick<ProductFields, 'amountMinor' | 'currency'>) => ({
  ...{ id: 'record-1', sourceId: 'sku-1', externalState: null, refs: undefined },
  fields: {
    ...{ name: 'Cold brew', description: null, sku: null, active: true, taxable: null, images: [], metadata: {} },
    ...money,
  },
});

describe('the price of a product', () => {
  it('is exact at Stripe and back, or is refused with a reason', () => {
    fc.assert(
      fc.property(amountMinor, currency, (amount, code) => {
        const money = { amountMinor: amount, currency: code };
        const { payload, problems } = stripeProducts.toPayload(product(money));
        const { price } = payload as unknown as ProductPayload;
        if (price === null) {
          expect(problems).toMatchObject([{ path: 'amountMinor' }]);
          return;
        }
        const answer = {
          ...{ id: 'price_1', object: 'price', billing_scheme: 'per_unit', metadata: {}, recurring: null },
          ...{ currency: price.currency, unit_amount: price.amount },
        };
        const read = priceSchema.parse(JSON.parse(JSON.stringify(answer)));
        expect(moneyOf(read)).toEqual(money);
      }),
      runs,
    );
  });

  it('is exact at Square and back', () => {
    fc.assert(
      fc.property(amountMinor, currency, (amount, code) => {
        const money = { amountMinor: amount, currency: code };
        const { payload } = squareProducts.toPayload(product(money));
        const written = JSON.parse(JSON.stringify(newItem(payload as unknown as SentProduct))) as {
          readonly item_data: { readonly variations: readonly object[] };
        };
        const item = itemSchema.parse({
          ...written,
          version: 1,
          item_data: {
            ...written.item_data,
            variations: written.item_data.variations.map((one) => ({ ...one, version: 1 })),
          },
        });
        const { items } = toProducts(item, { images: new Map(), categories: new Map() });
        expect(items).toMatchObject([{ fields: money }]);
      }),
      runs,
    );
  });
});

describe('an amount as QuickBooks’ decimal number', () => {
  const anyAmount = fc.oneof(amountMinor, fc.maxSafeInteger());

  it('is exact as text, as a number in a body, and back', () => {
    fc.assert(
      fc.property(anyAmount, currency, (amount, code) => {
        const text = decimalOf(amount, code);
        expect(JSON.stringify({ Amount: numberOf(text) })).toBe(`{"Amount":${text}}`);
        // QuickBooks has at most 15 digits before the point.
        if (decimalText.safeParse(text).success) expect(minorOf(text, code)).toBe(amount);
        else expect(text.replace(/^-|\..*$/g, '').length).toBeGreaterThan(15);
      }),
      runs,
    );
  });

  it('has the value of its digits, with any number of zeros behind them, and of no fraction of the smallest unit', () => {
    fc.assert(
      fc.property(fc.nat(1_000_000), fc.stringMatching(/^\d{0,6}$/), currency, (whole, fraction, code) => {
        const digits = minorDigitsOf(code) ?? 0;
        const text = fraction === '' ? String(whole) : `${whole}.${fraction}`;
        const isExact = /^0*$/.test(fraction.slice(digits));
        const scaled = BigInt(`${whole}${fraction.slice(0, digits).padEnd(digits, '0')}`);
        expect(minorOf(text, code)).toBe(isExact ? Number(scaled) : null);
        expect(minorOf(`-${text}`, code)).toBe(isExact ? 0 - Number(scaled) : null);
      }),
      runs,
    );
  });

  it('is none for anything but a plain decimal number', () => {
    const notPlain = fc.oneof(
      fc.string({ maxLength: 8 }).filter((text) => !/^-?\d+(\.\d*)?$/.test(text)),
      fc.constantFrom('', '.5', '1e5', '+1', ' 1', '1,5', '0x10', 'NaN', '--1'),
    );
    fc.assert(
      fc.property(notPlain, currency, (text, code) => {
        expect(minorOf(text, code)).toBeNull();
      }),
    );
  });
});
