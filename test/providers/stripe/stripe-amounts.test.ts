import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toMoney, toStripeAmount } from '../../../providers/stripe/transactions/amounts.ts';

// https://docs.stripe.com/currencies#zero-decimal and #three-decimal, read 2026-11-21.
const ZERO_DECIMAL = [
  'BIF',
  'CLP',
  'DJF',
  'GNF',
  'JPY',
  'KMF',
  'KRW',
  'MGA',
  'PYG',
  'RWF',
  'VND',
  'VUV',
  'XAF',
  'XOF',
  'XPF',
];
const THREE_DECIMAL = ['BHD', 'JOD', 'KWD', 'OMR', 'TND'];
const CURRENCIES = Intl.supportedValuesOf('currency');

const anyCurrency = fc.constantFrom(...CURRENCIES, ...ZERO_DECIMAL, ...THREE_DECIMAL, 'ISK', 'UGX', 'HUF', 'TWD');
const anyAmount = fc.oneof(
  fc.maxSafeInteger(),
  fc.integer({ min: -100_000, max: 100_000 }),
  fc.constantFrom(0, Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER),
);

/** The amount in whole units of the currency as an exact fraction of 10^12. */
const worthOf = (amount: number, digits: number) => BigInt(amount) * 10n ** BigInt(12 - digits);
const stripeDigitsOf = (currency: string) =>
  ZERO_DECIMAL.includes(currency) ? 0 : THREE_DECIMAL.includes(currency) ? 3 : 2;

describe('an amount of Stripe’s', () => {
  it.each<[string, number, number]>([
    ['eur', 1_099, 1_099],
    ['usd', -1, -1],
    ['jpy', 500, 500],
    ['kwd', 5_120, 5_120],
    ['huf', 1_045, 1_045],
    ['twd', 80_000, 80_000],
    ['isk', 500, 5],
    ['ugx', -700, -7],
    ['mga', 5, 500],
  ])('in %s of %i is %i in ISO 4217 minor units', (currency, amount, amountMinor) => {
    expect(toMoney(amount, currency)).toEqual({ amountMinor, currency: currency.toUpperCase() });
    expect(toStripeAmount({ amountMinor, currency: currency.toUpperCase() })).toEqual({
      amount,
      currency,
      problem: null,
    });
  });

  it.each<[string, number, string]>([
    ['a part of a króna', 550, 'isk'],
    ['a currency that ISO 4217 does not know', 100, 'usdc'],
    ['more ariary than can be counted', Number.MAX_SAFE_INTEGER, 'mga'],
    ['a fraction', 1.5, 'eur'],
    ['no number', Number.NaN, 'eur'],
  ])('has no exact equal when it is %s', (_what, amount, currency) => {
    expect(toMoney(amount, currency)).toBeNull();
  });

  it('keeps its value, or is rejected', () => {
    fc.assert(
      fc.property(
        anyAmount,
        fc.constantFrom('EUR', 'HUF', 'TWD', 'ISK', 'UGX', 'RSD', ...ZERO_DECIMAL, ...THREE_DECIMAL),
        (amount, currency) => {
          const money = toMoney(amount, currency.toLowerCase());
          if (money === null) return;
          const isoDigits = THREE_DECIMAL.includes(currency)
            ? 3
            : currency === 'MGA' || (!ZERO_DECIMAL.includes(currency) && !['ISK', 'UGX'].includes(currency))
              ? 2
              : 0;
          expect(worthOf(money.amountMinor, isoDigits)).toBe(worthOf(amount, stripeDigitsOf(currency)));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});

describe('an amount of ours', () => {
  it('round-trips through Stripe, negative amounts included, or is refused with a reason', () => {
    fc.assert(
      fc.property(anyAmount, anyCurrency, (amountMinor, currency) => {
        const sent = toStripeAmount({ amountMinor, currency });
        if (sent.problem === null) expect(toMoney(sent.amount, sent.currency)).toEqual({ amountMinor, currency });
        else expect(sent.problem).toMatch(/^Stripe takes .+\.$/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('stays a safe integer in both directions', () => {
    fc.assert(
      fc.property(fc.oneof(anyAmount, fc.double()), anyCurrency, (amount, currency) => {
        const sent = toStripeAmount({ amountMinor: amount, currency });
        const read = toMoney(amount, currency.toLowerCase());
        if (sent.problem === null) expect(Number.isSafeInteger(sent.amount) && !Object.is(sent.amount, -0)).toBe(true);
        if (read !== null)
          expect(Number.isSafeInteger(read.amountMinor) && !Object.is(read.amountMinor, -0)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('has equal sums on both sides, per currency', () => {
    const currencies = ['EUR', 'JPY', 'KWD', 'ISK', 'MGA', 'USD'];
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            amount: fc.integer({ min: -1_000_000, max: 1_000_000 }).map((amount) => amount * 100),
            currency: fc.constantFrom(...currencies),
          }),
        ),
        (movements) => {
          for (const currency of currencies) {
            const ofCurrency = movements.filter((movement) => movement.currency === currency);
            const total = toMoney(
              ofCurrency.reduce((sum, { amount }) => sum + amount, 0),
              currency.toLowerCase(),
            );
            expect(
              ofCurrency.reduce(
                (sum, { amount }) => sum + (toMoney(amount, currency.toLowerCase())?.amountMinor ?? NaN),
                0,
              ),
            ).toBe(total?.amountMinor);
          }
        },
      ),
    );
  });

  it.each(THREE_DECIMAL)('in %s ends in 0', (currency) => {
    expect(toStripeAmount({ amountMinor: 5_124, currency }).problem).toContain('last digit');
    expect(toStripeAmount({ amountMinor: -5_120, currency })).toMatchObject({ amount: -5_120, problem: null });
  });

  it('in whole króna and shillings is sent in hundredths', () => {
    for (const currency of ['ISK', 'UGX'])
      expect(toStripeAmount({ amountMinor: 5, currency })).toMatchObject({ amount: 500, problem: null });
    expect(toStripeAmount({ amountMinor: Number.MAX_SAFE_INTEGER, currency: 'ISK' }).problem).not.toBeNull();
  });

  it('with a fraction of an ariary or an unknown currency is refused', () => {
    expect(toStripeAmount({ amountMinor: 150, currency: 'MGA' }).problem).toContain('fraction');
    expect(toStripeAmount({ amountMinor: 100, currency: 'eur' }).problem).toContain('ISO 4217');
  });
});
