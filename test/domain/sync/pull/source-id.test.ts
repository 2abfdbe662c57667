import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ENVIRONMENTS } from '../../../../contracts/providers.ts';
import { pulledSourceId } from '../../../../domain/sync/pull/source-id.ts';
import type { ProviderAccountName } from '../../../../domain/sync/pull/source-id.ts';

const text = (maxLength: number) =>
  fc.oneof(
    fc.string({ unit: fc.constantFrom('a', ':', '%', '3', 'A'), minLength: 1, maxLength: 6 }),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength }),
    fc.string({ unit: 'binary', minLength: 1, maxLength }),
  );
const account = fc.record<ProviderAccountName>({
  provider: fc.constantFrom('stripe', 'square', 'google-calendar'),
  environment: fc.constantFrom(...ENVIRONMENTS),
  externalAccountId: text(60),
});
const named = fc.tuple(account, text(400));
const keyOf = ([{ provider, environment, externalAccountId }, id]: readonly [ProviderAccountName, string]) =>
  JSON.stringify([provider, environment, externalAccountId, id]);

const STRIPE: ProviderAccountName = { provider: 'stripe', environment: 'production', externalAccountId: 'acct_1' };

describe('the sourceId of a pulled record', () => {
  it('contains provider, environment, account and id', () => {
    expect(pulledSourceId(STRIPE, 'house-red')).toBe('stripe:production:acct_1:house-red');
  });

  it('differs exactly when provider, environment, account or id differ, and has at most 255 characters', () => {
    fc.assert(
      fc.property(named, named, (one, other) => {
        const [first, second] = [pulledSourceId(...one), pulledSourceId(...other)];
        expect(first === second).toBe(keyOf(one) === keyOf(other));
        expect(pulledSourceId(...one)).toBe(first);
        expect(first.length).toBeLessThanOrEqual(255);
        expect(first.length).toBeGreaterThan(0);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is complete up to 255 characters, and ends in a hash beyond', () => {
    const prefix = 'stripe:production:acct_1:'.length;
    expect(pulledSourceId(STRIPE, 'x'.repeat(255 - prefix))).toBe(
      `stripe:production:acct_1:${'x'.repeat(255 - prefix)}`,
    );
    const longer = [
      pulledSourceId(STRIPE, 'x'.repeat(256 - prefix)),
      pulledSourceId(STRIPE, `${'x'.repeat(255 - prefix)}y`),
    ];
    for (const sourceId of longer) expect(sourceId).toMatch(/^stripe:production:acct_1:x+:[0-9a-f]{64}$/);
    expect(new Set(longer).size).toBe(2);
  });

  it('is never cut within a character', () => {
    for (let shift = 0; shift < 4; shift += 1)
      expect(pulledSourceId(STRIPE, `${'x'.repeat(shift)}${'🎈'.repeat(200)}`).isWellFormed()).toBe(true);
  });

  it('is distinct for a record whose name already belongs to another object’s record', () => {
    expect(pulledSourceId(STRIPE, 'vip', '0199')).toBe('stripe:production:acct_1:vip:0199');
    expect(pulledSourceId(STRIPE, 'x'.repeat(255), '0199')).not.toBe(pulledSourceId(STRIPE, 'x'.repeat(255)));
  });
});
