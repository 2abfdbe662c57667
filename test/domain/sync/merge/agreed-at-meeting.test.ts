import { describe, expect, it } from 'vitest';
import { agreedAtMeeting } from '../../../../domain/sync/merge/agreed-version.ts';
import { merge } from '../../../../domain/sync/merge/merge.ts';
import type { MergePolicy } from '../../../../contracts/records.ts';
import type { Fields } from '../../../../domain/sync/merge/flat-fields.ts';

const maps = new Set(['metadata']);
const meet = (venue: Fields, provider: Fields, policy: MergePolicy = 'review') =>
  merge({
    ...{ venue, provider, maps },
    agreed: agreedAtMeeting({ venue, provider }, { sameBy: ['email'], maps }),
    policyOf: () => policy,
    changedAtMs: { venue: 0, provider: null },
  });

describe('two sides that meet for the first time', () => {
  it.each(['review', 'venue', 'provider'] as const)(
    'give each other what one lacks, whatever the policy: %s',
    (policy) => {
      const met = meet(
        { email: 'a@example.com', phone: null, name: 'Ada', city: '', metadata: { tier: 'gold' } },
        { email: 'a@example.com', phone: '+49', name: null, city: 'Bonn', metadata: { note: 'met' } },
        policy,
      );
      const both = {
        ...{ email: 'a@example.com', phone: '+49', name: 'Ada', city: 'Bonn' },
        metadata: { tier: 'gold', note: 'met' },
      };
      expect(met.venue).toEqual(both);
      expect(met.provider).toEqual(both);
      expect(met.conflicts).toEqual([]);
    },
  );

  it('keep what they are the same by as each has it', () => {
    const met = meet({ email: 'a@example.com' }, { email: 'A@Example.com' });
    expect(met).toMatchObject({ changesForVenue: [], changesForProvider: [], conflicts: [] });
    expect(met.agreed).toMatchObject({ venue: { email: 'a@example.com' }, provider: { email: 'A@Example.com' } });
  });

  it('agree on nothing where they differ, so that a later change of one is still a conflict', () => {
    const met = meet({ email: 'a', phone: '+1' }, { email: 'a', phone: '+2' });
    expect(met.conflicts).toEqual([{ field: 'phone', agreed: null, venue: '+1', provider: '+2', settledBy: null }]);
    expect(met.agreed.venue).not.toHaveProperty('phone');
    const later = { venue: { email: 'a', phone: '+1' }, provider: { email: 'a', phone: null } };
    expect(
      merge({
        ...{ ...later, maps, agreed: met.agreed, policyOf: () => 'review' },
        changedAtMs: { venue: 0, provider: null },
      }).conflicts,
    ).toHaveLength(1);
  });

  it('leave alone what the provider does not tell', () => {
    expect(meet({ email: 'a', name: 'Ada', phone: null }, { email: 'a' })).toMatchObject({
      ...{ changesForVenue: [], changesForProvider: [], conflicts: [] },
      agreed: { venue: { email: 'a' }, provider: { email: 'a' } },
    });
  });
});
