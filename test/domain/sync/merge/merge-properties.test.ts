import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { MergePolicy } from '../../../../contracts/records.ts';
import { agreedByWrite } from '../../../../domain/sync/merge/agreed-version.ts';
import type { Fields } from '../../../../domain/sync/merge/flat-fields.ts';
import { merge, winnerOf } from '../../../../domain/sync/merge/merge.ts';
import type { AgreedVersion, Merged, MergeInput } from '../../../../domain/sync/merge/merge.ts';
import { canonicalJson } from '../../../../domain/sync/fingerprint.ts';

const MAPS = new Set(['metadata']);
const NAMES = ['name', 'amountMinor', 'lines', 'address', 'metadata'] as const;
const POLICIES = ['venue', 'provider', 'newest', 'review'] as const;
const MIRRORED: Readonly<Record<MergePolicy, MergePolicy>> = {
  ...{ venue: 'provider', provider: 'venue', newest: 'newest', review: 'review' },
};

// Few values of each type, so that sides often agree and often clash. Objects are equal in any order of their keys.
const VALUES: { readonly [Name in (typeof NAMES)[number]]: fc.Arbitrary<unknown> } = {
  name: fc.constantFrom(null, '', 'a', 'b'),
  amountMinor: fc.constantFrom(null, 0, 1, 2),
  lines: fc.constantFrom([], [{ amountMinor: 1 }], [{ amountMinor: 1 }, { amountMinor: 2 }]),
  address: fc.constantFrom(null, { line1: 'x', city: 'y' }, { city: 'y', line1: 'x' }, { line1: 'x', city: null }),
  metadata: fc
    .uniqueArray(fc.tuple(fc.constantFrom('', 'x', 'x.y', '__proto__', 'constructor'), fc.constantFrom('', '1', '2')), {
      selector: ([key]) => key,
    })
    .map((entries) => Object.fromEntries(entries)),
};
const whole: fc.Arbitrary<Fields> = fc.record(VALUES);
const partly: fc.Arbitrary<Fields> = fc.record(VALUES, { requiredKeys: [] });
const policies = fc.record(
  Object.fromEntries(NAMES.map((name) => [name, fc.constantFrom<MergePolicy>(...POLICIES)])),
) as fc.Arbitrary<Readonly<Record<string, MergePolicy>>>;

interface Case extends Omit<MergeInput, 'policyOf' | 'maps'> {
  readonly policies: Readonly<Record<string, MergePolicy>>;
}
const equalAgreement = whole.map((both): AgreedVersion => ({ venue: both, provider: both }));
const unknownAgreement = fc.constant<AgreedVersion>({ venue: {}, provider: {} });
const casesOf = (agreed: fc.Arbitrary<AgreedVersion>, provider: fc.Arbitrary<Fields>): fc.Arbitrary<Case> =>
  fc.record({
    ...{ agreed, venue: whole, provider, policies },
    changedAtMs: fc.record({ venue: fc.nat(2), provider: fc.option(fc.nat(2)) }),
  });
const anyCase = casesOf(
  fc.oneof(equalAgreement, fc.record({ venue: whole, provider: whole }), unknownAgreement),
  fc.oneof(whole, partly),
);
const mergeCase = ({ policies: chosen, ...one }: Case): Merged =>
  merge({ ...one, policyOf: (path) => chosen[path.split('.', 1).join()] ?? 'review', maps: MAPS });

/** Every path of these versions, as a pair of field and key. Written apart from the merge's own flattening. */
function pathsOf(...versions: readonly Fields[]): ReadonlyMap<string, readonly [string, string | null]> {
  const paths = new Map<string, readonly [string, string | null]>();
  for (const fields of versions)
    for (const [name, value] of Object.entries(fields)) {
      if (!MAPS.has(name)) paths.set(name, [name, null]);
      else for (const key of Object.keys(value as object)) paths.set(`${name}.${key}`, [name, key]);
    }
  return paths;
}

/** The value at a path as canonical JSON; undefined when the field is not told. A missing key is null. */
function at(fields: Fields, [name, key]: readonly [string, string | null]): string | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (key === null) return canonicalJson(value);
  const map = value as Readonly<Record<string, unknown>>;
  return canonicalJson(Object.hasOwn(map, key) ? map[key] : null);
}

/** Which sides changed a path since they agreed. With nothing known of an agreement, what the provider tells counts. */
function changesAt({ agreed, venue, provider }: Case, path: readonly [string, string | null]) {
  const [v, p, av, ap] = [at(venue, path), at(provider, path), at(agreed.venue, path), at(agreed.provider, path)];
  const isKnown = av !== undefined && ap !== undefined;
  return { v, p, byVenue: isKnown ? v !== av : p !== undefined, byProvider: p !== undefined && (!isKnown || p !== ap) };
}

const runs = { numRuns: 300 };

describe('properties of a merge', () => {
  it('invents nothing: every field of both results is the venue’s or the provider’s', () => {
    fc.assert(
      fc.property(anyCase, (one) => {
        const result = mergeCase(one);
        for (const path of pathsOf(result.venue, result.provider, one.venue, one.provider).values()) {
          const given = [at(one.venue, path), at(one.provider, path)];
          expect(given).toContain(at(result.venue, path));
          expect(given).toContain(at(result.provider, path));
        }
      }),
      runs,
    );
  });

  it('loses nothing: a change of one side alone is in both results', () => {
    fc.assert(
      fc.property(anyCase, (one) => {
        const result = mergeCase(one);
        for (const path of pathsOf(one.venue, one.provider, one.agreed.venue).values()) {
          const { v, p, byVenue, byProvider } = changesAt(one, path);
          if (byVenue === byProvider) continue;
          const changed = byVenue ? v : p;
          expect([at(result.venue, path), at(result.provider, path)]).toEqual([changed, changed]);
        }
      }),
      runs,
    );
  });

  it('names as conflicts exactly the fields that both sides changed differently, each with both values', () => {
    fc.assert(
      fc.property(anyCase, (one) => {
        const expected = [...pathsOf(one.venue, one.provider, one.agreed.venue, one.agreed.provider)].flatMap(
          ([text, path]) => {
            const { v, p, byVenue, byProvider } = changesAt(one, path);
            const settledBy = winnerOf(one.policies[path[0]] ?? 'review', one.changedAtMs);
            return byVenue && byProvider && v !== p ? [JSON.stringify([text, v, p, settledBy])] : [];
          },
        );
        const told = mergeCase(one).conflicts.map(({ field, venue, provider, settledBy }) =>
          JSON.stringify([field, canonicalJson(venue), canonicalJson(provider), settledBy]),
        );
        expect(told.sort()).toEqual(expected.sort());
      }),
      runs,
    );
  });

  it('names as changes exactly the fields whose value differs before and after', () => {
    fc.assert(
      fc.property(anyCase, (one) => {
        const result = mergeCase(one);
        const paths = [...pathsOf(one.venue, one.provider, one.agreed.venue, one.agreed.provider)];
        const changed = paths.filter(([, path]) => at(one.venue, path) !== at(result.venue, path));
        expect([...result.changesForVenue].sort()).toEqual(changed.map(([text]) => text).sort());
      }),
      runs,
    );
  });

  it('never mixes both sides in fields that are one value', () => {
    const told = casesOf(
      fc.oneof(equalAgreement, fc.record({ venue: whole, provider: whole }), unknownAgreement),
      whole,
    );
    const together = [['name', 'amountMinor']] as const;
    const pairOf = ({ name, amountMinor }: Fields) => [name, amountMinor];
    fc.assert(
      fc.property(told, ({ policies: chosen, ...one }) => {
        const policyOf = (path: string) => chosen[path.split('.', 1).join()] ?? 'review';
        const { venue, provider } = merge({ ...one, policyOf, maps: MAPS, together });
        const sides = [pairOf(one.venue), pairOf(one.provider)];
        expect(sides).toContainEqual(pairOf(venue));
        expect(sides).toContainEqual(pairOf(provider));
      }),
    );
  });

  it('commutes: the mirrored sides under mirrored policies give the mirrored results', () => {
    fc.assert(
      fc.property(
        casesOf(fc.oneof(equalAgreement, unknownAgreement), whole),
        fc.record({ venue: fc.nat(2), provider: fc.nat(2) }),
        (given, { venue, provider }) => {
          const one = { ...given, changedAtMs: { venue, provider } };
          const result = mergeCase(one);
          const mirrored = mergeCase({
            ...{ agreed: one.agreed, venue: one.provider, provider: one.venue },
            policies: Object.fromEntries(Object.entries(one.policies).map(([name, of]) => [name, MIRRORED[of]])),
            changedAtMs: { venue: provider, provider: venue },
          });
          expect(mirrored.venue).toEqual(result.provider);
          expect(mirrored.provider).toEqual(result.venue);
          expect(new Set(mirrored.changesForVenue)).toEqual(new Set(result.changesForProvider));
          expect(new Set(mirrored.changesForProvider)).toEqual(new Set(result.changesForVenue));
          const sidesOf = ({ conflicts }: Merged, isMirrored: boolean) =>
            conflicts
              .map(({ field, venue: v, provider: p }) => canonicalJson(isMirrored ? [field, p, v] : [field, v, p]))
              .sort();
          expect(sidesOf(mirrored, true)).toEqual(sidesOf(result, false));
        },
      ),
      runs,
    );
  });

  it('is idempotent: merging the written result again changes nothing and finds only the open conflicts', () => {
    fc.assert(
      fc.property(anyCase, (one) => {
        const first = mergeCase(one);
        const held = first.conflicts.flatMap(({ field, settledBy }) => (settledBy === null ? [field] : []));
        const { agreed, venue, provider: answer } = first;
        const written = agreedByWrite({ agreed, venue, answer, held, maps: MAPS });
        const second = mergeCase({ ...one, agreed: written, venue, provider: answer });
        expect([second.changesForVenue, second.changesForProvider]).toEqual([[], []]);
        expect(second.conflicts.map(({ field }) => field).sort()).toEqual([...held].sort());
        expect([second.venue, second.provider]).toEqual([venue, answer]);
      }),
      runs,
    );
  });
});
