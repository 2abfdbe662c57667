import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MergePolicy } from '../../../../contracts/records.ts';
import { agreedByWrite, fromStored, toStored, withPaths } from '../../../../domain/sync/merge/agreed-version.ts';
import { flatten } from '../../../../domain/sync/merge/flat-fields.ts';
import type { Fields } from '../../../../domain/sync/merge/flat-fields.ts';
import { merge } from '../../../../domain/sync/merge/merge.ts';
import type { AgreedVersion, MergeInput } from '../../../../domain/sync/merge/merge.ts';

const MAPS = new Set(['metadata']);
const BASE = { name: 'Ada', email: 'ada@example.com', lines: ['a'], metadata: { colour: 'red', size: 'L' } };
const input = (more: Partial<MergeInput> = {}): MergeInput => ({
  agreed: { venue: BASE, provider: BASE },
  venue: BASE,
  provider: BASE,
  policyOf: () => 'review',
  changedAtMs: { venue: 1, provider: 2 },
  maps: MAPS,
  ...more,
});
const merged = (more: Partial<MergeInput>) => merge(input(more));

describe('a three-way merge', () => {
  it('changes nothing when neither side changed', () => {
    expect(merged({})).toMatchObject({ changesForVenue: [], changesForProvider: [], conflicts: [] });
  });

  it('carries a change of one side to the other, for different fields in both directions', () => {
    const result = merged({ venue: { ...BASE, name: 'Ada L.' }, provider: { ...BASE, email: 'al@example.com' } });
    expect(result).toMatchObject({ changesForVenue: ['email'], changesForProvider: ['name'], conflicts: [] });
    for (const side of [result.venue, result.provider])
      expect(side).toEqual({ ...BASE, name: 'Ada L.', email: 'al@example.com' });
  });

  it('agrees when both sides made the same change', () => {
    const both = { ...BASE, name: 'Ada L.' };
    const result = merged({ venue: both, provider: both });
    expect(result).toMatchObject({ changesForVenue: [], changesForProvider: [], conflicts: [] });
    expect(result.agreed).toEqual({ venue: both, provider: both });
  });

  it('merges metadata key by key, additions and removals too', () => {
    const result = merged({
      venue: { ...BASE, metadata: { colour: 'red', season: 'winter' } },
      provider: { ...BASE, metadata: { colour: 'blue', size: 'L', note: 'x' } },
    });
    expect(result.conflicts).toEqual([]);
    for (const side of [result.venue, result.provider])
      expect(side['metadata']).toEqual({ colour: 'blue', season: 'winter', note: 'x' });
  });

  it('keeps a metadata key called __proto__', () => {
    const metadata = JSON.parse('{"__proto__":"x","colour":"red","size":"L"}') as object;
    const result = merged({ provider: { ...BASE, metadata } });
    expect(JSON.stringify(result.venue['metadata'])).toContain('"__proto__":"x"');
  });

  it('treats a list as one value', () => {
    const result = merged({ venue: { ...BASE, lines: ['a', 'b'] }, provider: { ...BASE, lines: ['c'] } });
    expect(result.conflicts).toMatchObject([{ field: 'lines', agreed: ['a'], venue: ['a', 'b'], provider: ['c'] }]);
  });

  const conflicting = { venue: { ...BASE, name: 'V' }, provider: { ...BASE, name: 'P', email: 'p@example.com' } };

  it.each<[MergePolicy, number | null, 'venue' | 'provider' | null]>([
    ['venue', 2, 'venue'],
    ['provider', 2, 'provider'],
    ['newest', 2, 'provider'],
    ['newest', 0, 'venue'],
    ['newest', 1, null],
    ['newest', null, null],
    ['review', 2, null],
  ])('settles a field that both sides changed by policy %s (provider changed at %s): %s', (policy, at, settledBy) => {
    const result = merged({ ...conflicting, policyOf: () => policy, changedAtMs: { venue: 1, provider: at } });
    expect(result.conflicts).toEqual([{ field: 'name', agreed: 'Ada', venue: 'V', provider: 'P', settledBy }]);
    expect(result.venue['name']).toBe(settledBy === 'provider' ? 'P' : 'V');
    expect(result.provider['name']).toBe(settledBy === 'venue' ? 'V' : 'P');
    expect(result.venue['email']).toBe('p@example.com');
  });

  it('asks for the policy of a metadata key by its own path', () => {
    const asked: string[] = [];
    merged({
      venue: { ...BASE, metadata: { colour: 'v' } },
      provider: { ...BASE, metadata: { colour: 'p' } },
      policyOf: (path) => (asked.push(path), 'venue'),
    });
    expect(new Set(asked)).toEqual(new Set(['metadata.colour']));
  });

  it('does not mistake a value that the provider rewrites for a change', () => {
    const agreed = { venue: { ...BASE, name: ' Ada ' }, provider: BASE };
    const result = merged({ agreed, venue: agreed.venue, provider: { ...BASE, email: 'new@example.com' } });
    expect(result).toMatchObject({ changesForVenue: ['email'], changesForProvider: [], conflicts: [] });
    expect(result.venue['name']).toBe(' Ada ');
  });

  it('takes a field that the provider does not tell as unchanged', () => {
    const result = merged({ provider: { name: 'P' }, venue: { ...BASE, email: 'v@example.com' } });
    expect(result).toMatchObject({ changesForVenue: ['name'], changesForProvider: ['email'], conflicts: [] });
  });

  it('carries a field that the venue clears to a provider that does not tell it', () => {
    const result = merged({ venue: { ...BASE, name: null }, provider: { email: BASE.email } });
    expect(result).toMatchObject({ changesForVenue: [], changesForProvider: ['name'], conflicts: [] });
    expect(result.venue['name']).toBeNull();
    expect(result.agreed).toEqual({ venue: BASE, provider: BASE });
  });

  it('settles by policy what differs when no agreement is known, and agrees on what is equal', () => {
    const unknown = { venue: {}, provider: {} };
    const result = merged({ ...conflicting, agreed: unknown });
    expect(result.conflicts).toMatchObject([
      { field: 'name', agreed: null, settledBy: null },
      { field: 'email', agreed: null, settledBy: null },
    ]);
    expect(result.agreed.venue).toEqual({ lines: ['a'], metadata: BASE.metadata });
    expect(merged({ ...conflicting, agreed: unknown, policyOf: () => 'venue' }).changesForProvider).toEqual([
      'name',
      'email',
    ]);
  });
});

/** Values from a small set, so that sides often agree and often clash. */
const value = fc.constantFrom(null, 'a', 'b', 'c');
const fields: fc.Arbitrary<Fields> = fc.record({
  name: value,
  email: value,
  metadata: fc.dictionary(fc.constantFrom('x', 'y'), fc.constantFrom('1', '2')),
});
const policy = fc.constantFrom<MergePolicy>('venue', 'provider', 'newest', 'review');
const agreement = fc.oneof(
  fields.map((both): AgreedVersion => ({ venue: both, provider: both })),
  fc.record({ venue: fields, provider: fields }),
  fc.constant<AgreedVersion>({ venue: {}, provider: {} }),
);
const cases = fc.record({
  agreed: agreement,
  venue: fields,
  provider: fields,
  policy,
  changedAtMs: fc.record({ venue: fc.nat(2), provider: fc.option(fc.nat(2)) }),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;
const mergeCase = ({ policy: chosen, ...one }: Case) => merge({ ...one, policyOf: () => chosen, maps: MAPS });

describe('any merge', () => {
  const paths = (side: Fields) => flatten(side, MAPS);
  const at = (side: Fields, path: string) => paths(side).get(path) ?? null;

  it('invents no value and loses none: each path holds a value of either side, and a lost one was superseded', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const result = mergeCase(one);
        const all = new Set([...paths(one.venue).keys(), ...paths(one.provider).keys()]);
        for (const path of all) {
          const [v, p] = [at(one.venue, path), at(one.provider, path)];
          expect([v, p]).toContainEqual(at(result.venue, path));
          expect([v, p]).toContainEqual(at(result.provider, path));
          const lost = [v, p].filter((side) => side !== at(result.venue, path) && side !== at(result.provider, path));
          for (const side of lost) {
            const agreed = side === v ? one.agreed.venue : one.agreed.provider;
            const wasSettled = result.conflicts.some(({ field, settledBy }) => field === path && settledBy !== null);
            expect(wasSettled || (Object.keys(agreed).length > 0 && at(agreed, path) === side)).toBe(true);
          }
        }
      }),
    );
  });

  it('leaves equal sides alone', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const result = mergeCase({ ...one, provider: one.venue });
        expect(result.conflicts).toEqual([]);
        expect([result.changesForVenue, result.changesForProvider]).toEqual([[], []]);
        expect(result.venue).toEqual(one.venue);
      }),
    );
  });

  it('is symmetric: exchanging the sides and the policy exchanges the results', () => {
    const SWAPPED = { venue: 'provider', provider: 'venue', newest: 'newest', review: 'review' } as const;
    fc.assert(
      fc.property(cases, (one) => {
        const result = mergeCase(one);
        const { venue, provider } = one.changedAtMs;
        fc.pre(provider !== null);
        const swapped = mergeCase({
          agreed: { venue: one.agreed.provider, provider: one.agreed.venue },
          venue: one.provider,
          provider: one.venue,
          policy: SWAPPED[one.policy],
          changedAtMs: { venue: provider, provider: venue },
        });
        expect(new Set(swapped.changesForVenue)).toEqual(new Set(result.changesForProvider));
        expect(new Set(swapped.changesForProvider)).toEqual(new Set(result.changesForVenue));
        expect(swapped.conflicts.length).toBe(result.conflicts.length);
      }),
    );
  });

  it('is done once: merging the written result again changes nothing and finds the same open conflicts', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const first = mergeCase(one);
        const held = first.conflicts.filter(({ settledBy }) => settledBy === null).map(({ field }) => field);
        const agreed = agreedByWrite({
          ...{ agreed: first.agreed, venue: first.venue, answer: first.provider, held, maps: MAPS },
        });
        const second = mergeCase({ ...one, agreed, venue: first.venue, provider: first.provider });
        expect([second.changesForVenue, second.changesForProvider]).toEqual([[], []]);
        expect(new Set(second.conflicts.map(({ field }) => field))).toEqual(new Set(held));
      }),
    );
  });

  it('finds the same outstanding changes when nothing was written in between', () => {
    fc.assert(
      fc.property(cases, (one) => {
        const first = mergeCase(one);
        const second = mergeCase({ ...one, agreed: first.agreed, venue: first.venue });
        expect(second.changesForVenue).toEqual([]);
        expect(new Set(second.changesForProvider)).toEqual(new Set(first.changesForProvider));
        expect(second.provider).toEqual(first.provider);
      }),
    );
  });
});

describe('an agreed version', () => {
  it('is stored only as far as the record does not show it', () => {
    expect(toStored({ venue: BASE, provider: BASE }, BASE)).toEqual({ venue: null, provider: null });
    expect(toStored({ venue: BASE, provider: { ...BASE, name: 'ADA' } }, BASE)).toEqual({
      venue: null,
      provider: { name: 'ADA' },
    });
  });

  it('survives being stored, whatever the record', () => {
    fc.assert(
      fc.property(agreement, fields, (agreed, record) => {
        const stored = toStored(agreed, record);
        const restored = fromStored(stored, stored.venue === null ? record : null);
        expect(restored).toEqual(agreed);
      }),
    );
  });

  it('is unknown for a record that changed without its earlier fields being kept', () => {
    expect(fromStored(null, null)).toEqual({ venue: {}, provider: {} });
  });

  it('keeps its values of a held path', () => {
    const agreed = { venue: BASE, provider: BASE };
    const venue = { ...BASE, name: 'V', metadata: { colour: 'v', size: 'XL' } };
    const held = ['name', 'metadata.colour'];
    const after = agreedByWrite({ agreed, venue, answer: venue, held, maps: MAPS });
    const expected = { ...venue, name: 'Ada', metadata: { colour: 'red', size: 'XL' } };
    expect(after).toEqual({ venue: expected, provider: expected });
  });
});

it('replaces the values of single paths', () => {
  expect(withPaths(BASE, { name: 'X', 'metadata.colour': null }, MAPS)).toEqual({
    ...BASE,
    name: 'X',
    metadata: { size: 'L' },
  });
});
