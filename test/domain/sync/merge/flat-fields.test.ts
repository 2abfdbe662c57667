import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../../../../domain/sync/fingerprint.ts';
import { flatten, isSame, unflatten, withoutNothing } from '../../../../domain/sync/merge/flat-fields.ts';

const MAPS = new Set(['metadata']);
const aValue = fc.oneof(
  fc.constantFrom(null, undefined, '', '1', 1, 'true', true, 0, -0, Number.NaN, '\ud800', '"', 'null'),
  fc.jsonValue(),
);
const aMap = fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), fc.oneof(fc.string(), fc.constant(null)));
const someFields = fc.record({ name: aValue, email: aValue, metadata: fc.option(aMap) }, { requiredKeys: [] });

describe('two values', () => {
  it('are the same exactly when their canonical JSON is', () => {
    fc.assert(
      fc.property(aValue, aValue, (one, other) => {
        expect(isSame(one, other)).toBe(canonicalJson(one) === canonicalJson(other));
        expect(isSame(one, structuredClone(one))).toBe(true);
      }),
    );
  });
});

describe('fields without nothing', () => {
  it('are what flattening and unflattening leave', () => {
    fc.assert(
      fc.property(someFields, (fields) => {
        const unflattened = unflatten(flatten(fields, MAPS), MAPS, Object.keys(fields));
        expect(canonicalJson(withoutNothing(fields, MAPS))).toBe(canonicalJson(unflattened));
        expect(Object.keys(withoutNothing(fields, MAPS)).sort()).toEqual(Object.keys(unflattened).sort());
      }),
    );
  });
});
