import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, fingerprintOf } from '../../../domain/sync/fingerprint.ts';

/** The same value with the keys of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, inner]) => [key, reordered(inner)]),
  );
}

// Excludes null prototypes and "__proto__" keys, which cannot come from JSON columns or forms as plain objects.
const json = fc.jsonValue({ maxDepth: 4 }).map((value) => JSON.parse(JSON.stringify(value)) as unknown);

describe('a fingerprint', () => {
  it('is independent of the order of keys', () => {
    fc.assert(
      fc.property(json, (value) => {
        expect(fingerprintOf(reordered(value))).toBe(fingerprintOf(value));
      }),
      { numRuns: 200 },
    );
  });

  it('differs for any other value', () => {
    fc.assert(
      fc.property(json, json, (one, other) => {
        const equal =
          JSON.stringify(JSON.parse(canonicalJson(one))) === JSON.stringify(JSON.parse(canonicalJson(other)));
        expect(fingerprintOf(one) === fingerprintOf(other)).toBe(equal);
      }),
      { numRuns: 200 },
    );
  });

  it('has the keys of every object in the order of their code units, however many there are', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string(), { maxLength: 60 }), (keys) => {
        const value = new Map(keys.map((key, index) => [key, index]));
        const sorted = [...keys].sort().map((key) => `${JSON.stringify(key)}:${value.get(key)}`);
        expect(canonicalJson(Object.fromEntries(value))).toBe(`{${sorted.join(',')}}`);
      }),
      { numRuns: 200, examples: [[Array.from({ length: 60 }, (_, index) => `key ${60 - index}`)]] },
    );
  });

  it.each([
    ['a changed value', { name: 'Ada', tags: { a: '1' } }, { name: 'Ada', tags: { a: '2' } }],
    ['an added key', { name: 'Ada' }, { name: 'Ada', email: null }],
    ['a string for a number', { total: 1 }, { total: '1' }],
    ['null for an empty text', { name: null }, { name: '' }],
    ['another order in a list', { tags: ['a', 'b'] }, { tags: ['b', 'a'] }],
    ['a value under another key', { city: 'Bonn', region: null }, { city: null, region: 'Bonn' }],
    ['a brace in a key', { 'a":1,"b': 2 }, { a: 1, b: 2 }],
  ])('changes with %s', (_what, before, after) => {
    expect(fingerprintOf(after)).not.toBe(fingerprintOf(before));
  });

  it('does not distinguish an absent key from an undefined one', () => {
    expect(fingerprintOf({ name: 'Ada', email: undefined })).toBe(fingerprintOf({ name: 'Ada' }));
  });

  it('stays stable, because stored ones are compared with it', () => {
    expect(canonicalJson({ b: [1, { d: null, c: 'ü' }], a: true })).toBe('{"a":true,"b":[1,{"c":"ü","d":null}]}');
    expect(canonicalJson({ 9: null, 10: [undefined], Z: {}, a: undefined })).toBe('{"10":[null],"9":null,"Z":{}}');
    expect(fingerprintOf({ b: 1, a: 'x' })).toBe('cdab067e9f3beb32d1252cfd63e492592fecbf591b0d08cadb24bb17f3864246');
  });
});
