import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { countryCodeOf } from '../../../domain/reference/countries.ts';

describe('the code of a country', () => {
  it.each(['', ' ', 'Atlantis', 'X', 'ZZZ', 'Germany, Berlin', 'constructor', '__proto__', '12', '??'])(
    'is unknown for %j',
    (text) => {
      expect(countryCodeOf(text)).toBeNull();
    },
  );

  it.each([
    ['Germany', 'DE'],
    ['germany', 'DE'],
    ['  France ', 'FR'],
    ['de', 'DE'],
    ['DE', 'DE'],
    ['UK', 'GB'],
    ['United Kingdom', 'GB'],
    ['Great Britain', 'GB'],
    ['England', 'GB'],
    ['USA', 'US'],
    ['United States', 'US'],
    ['United States of America', 'US'],
    ['Holland', 'NL'],
    ['Switzerland', 'CH'],
    ['Japan', 'JP'],
    ['DD', 'DE'],
  ])('of %j is %s', (text, code) => {
    expect(countryCodeOf(text)).toBe(code);
  });

  it('maps to itself, so that a record that is pushed and pulled stays the same', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ minLength: 2, maxLength: 2 }), fc.string()), (text) => {
        const code = countryCodeOf(text);
        if (code !== null) expect(countryCodeOf(code)).toBe(code);
      }),
      { numRuns: 500 },
    );
    for (const first of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') {
      for (const second of 'ABCDEFGHIJKLMNOPQRSTUVWXYZ') {
        const code = countryCodeOf(first + second);
        if (code === null) continue;
        expect(code).toMatch(/^[A-Z]{2}$/);
        expect(countryCodeOf(code)).toBe(code);
      }
    }
  });
});
