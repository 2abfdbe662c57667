import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';

describe('the minor unit of a currency', () => {
  it.each([
    ['EUR', 2],
    ['USD', 2],
    ['HUF', 2],
    ['TWD', 2],
    ['MGA', 2],
    ['RSD', 2],
    ['IRR', 2],
    ['JPY', 0],
    ['ISK', 0],
    ['UGX', 0],
    ['KRW', 0],
    ['BHD', 3],
    ['KWD', 3],
    ['TND', 3],
    ['CLF', 4],
    ['MRO', 2],
    ['STD', 2],
    ['VEF', 2],
    ['BYR', 0],
  ])('of %s has %i digits, as in ISO 4217 rather than in everyday use', (currency, digits) => {
    expect(minorDigitsOf(currency)).toBe(digits);
  });

  it.each(['', 'eur', 'Eur', 'EURO', 'QQQ', ' EUR', 'constructor', '__proto__', '€', '978'])(
    'is unknown for %j, which is not a code',
    (text) => {
      expect(minorDigitsOf(text)).toBeNull();
    },
  );

  it('is a whole number from 0 to 4, or unknown, for any input', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom(...Intl.supportedValuesOf('currency'))),
        (currency) => {
          expect([null, 0, 2, 3, 4]).toContain(minorDigitsOf(currency));
        },
      ),
    );
  });
});
