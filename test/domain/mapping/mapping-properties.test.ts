import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkMapping } from '../../../domain/mapping/check-mapping.ts';
import { findPath, parsePath, readPath } from '../../../domain/mapping/field-path.ts';
import { createFieldMapping } from '../../../domain/mapping/field-mapping.ts';
import { overStored } from '../../../domain/mapping/kept-fields.ts';
import type { ExpressionResult, MappedFields, MappingRule } from '../../../domain/mapping/mapping.ts';
import { sourcePath } from '../../../domain/mapping/mapping-source.ts';
import { isScalar, mismatchOf } from '../../../domain/mapping/value-type.ts';
import type { Field, FieldMap, ValueType } from '../../../records/field.ts';
import { fieldsOf } from '../../../records/record-kind.ts';
import type { RecordFields, RecordKind } from '../../../records/record-kind.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { pulledRecord } from '../../support/record-values.ts';

const anyText = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });
const anyInstant = fc
  .date({ min: new Date('1970-01-01T00:00:00Z'), max: new Date('2100-01-01T00:00:00Z'), noInvalidDate: true })
  .map((date) => date.toISOString());

const VALID: {
  readonly [Type in ValueType['type']]: (value: Extract<ValueType, { type: Type }>) => fc.Arbitrary<unknown>;
} = {
  text: () => anyText,
  email: () => fc.constantFrom('ada@example.com', 'a@b', 'ä@ü.de'),
  url: () => fc.constantFrom('https://example.com', 'http://x.test/ä?b=1'),
  'source-id': () => anyText,
  'record-id': () => fc.uuid(),
  amount: ({ min = Number.MIN_SAFE_INTEGER }) => fc.maxSafeInteger().map((amount) => Math.max(min, amount)),
  decimal: () => fc.constantFrom('0', '-1.5', '12.000000001', '007'),
  currency: () => fc.constantFrom('EUR', 'JPY', 'BHD', 'CLF'),
  boolean: () => fc.boolean(),
  instant: () => anyInstant,
  word: ({ words }) => fc.constantFrom(...words),
  list: ({ item }) => fc.array(validValue(item), { maxLength: 3 }),
  object: ({ fields }) => validFields(fields),
  'string-map': () => fc.dictionary(fc.constantFrom('a', 'a.b', 'season', 'constructor'), anyText),
};
const validValue = (value: ValueType): fc.Arbitrary<unknown> => VALID[value.type](value as never);
const validField = ({ value, presence }: Field): fc.Arbitrary<unknown> =>
  presence === 'optional' ? fc.option(validValue(value)) : validValue(value);
const validFields = (fields: FieldMap): fc.Arbitrary<RecordFields> =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, validField(field)])));
const validRecord = (kind: RecordKind): fc.Arbitrary<RecordFields> =>
  validFields(kind.fields).map((fields) => {
    const parted = kind.together.flatMap((names) => (names.some((name) => fields[name] === null) ? names : []));
    return { ...fields, ...Object.fromEntries(parted.map((name) => [name, null])) };
  });

/** Why a field of a record is not valid; null for one that is. */
const faultOf = ({ presence, value }: Field, given: unknown): string | null =>
  given === null ? (presence === 'optional' ? null : 'empty') : mismatchOf(given, value);

/** Paths of a kind, parts and keys of its fields included, and some that are none. */
function pathsOf(kind: RecordKind): readonly string[] {
  const known = fieldsOf(kind).flatMap(([name, { value }]) => {
    if (value.type === 'object') return [name, ...Object.keys(value.fields).map((part) => `${name}.${part}`)];
    return value.type === 'string-map' ? [name, `${name}.season`, `${name}.a.b`, `${name}.constructor`] : [name];
  });
  return [...known, 'nowhere', 'metadata.', 'metadata.__proto__', '__proto__', 'constructor', ''];
}

/** Anything that plain data can be, far beyond what a field takes. */
const hostile: fc.Arbitrary<unknown> = fc.oneof(
  fc.anything({ withBigInt: false, withNullPrototype: true, maxDepth: 3 }),
  fc.constantFrom<unknown>(
    ...[undefined, Number.NaN, Number.POSITIVE_INFINITY, -0, 2 ** 53, '\0', '\ud800', 'x'.repeat(100_000)],
    ...[Array.from({ length: 10_000 }, () => 'x'), nested(10_000), JSON.parse('{"__proto__":"x"}')],
    Object.fromEntries(Array.from({ length: 10_000 }, (_, index) => [`key-${index}`, 'x'])),
  ),
);
function nested(depth: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < depth; level += 1) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}
const hostileResults = fc.array(
  fc.oneof(
    hostile.map((value): ExpressionResult => ({ ok: true, value })),
    fc.constant<ExpressionResult>({ ok: false, message: 'The expression took too long.' }),
  ),
  { maxLength: 5 },
);

function rulesFor(kind: RecordKind): fc.Arbitrary<readonly MappingRule[]> {
  const path = fc.constantFrom(...pathsOf(kind));
  const common = { target: path, direction: fc.constantFrom('push', 'pull', 'both'), policy: fc.constant('venue') };
  const values = fc.dictionary(
    fc.oneof(anyText, fc.constantFrom('true', '1', '__proto__')),
    fc.oneof(anyText, fc.nat(), fc.boolean()),
    {
      maxKeys: 4,
    },
  );
  return fc.array(
    fc.oneof(
      fc.record({ ...common, source: fc.oneof(path, fc.constant('sourceId')) }),
      fc.record({ ...common, source: path, values }),
      fc.record({ ...common, expression: fc.constant('x') }),
    ),
    { maxLength: 6 },
  );
}

const mappingOf = (kind: RecordKind, fields: readonly MappingRule[]) =>
  createFieldMapping(kind, { version: 1, definition: { fields } });

/** The fields of a mapped record that are not valid, unless a problem names them. A pull fills in what is kept. */
function unnamedFaults(
  kind: RecordKind,
  { fields, problems }: MappedFields,
  kept: readonly string[],
): readonly string[] {
  const named = new Set(problems.map(({ path }) => parsePath(path).field));
  const parted = kind.together.flatMap((names) => {
    const empty = names.filter((name) => fields[name] === null);
    return empty.length === names.length ? [] : empty.filter((name) => !kept.includes(name));
  });
  return fieldsOf(kind).flatMap(([name, field]) => {
    const fault = parted.includes(name) ? 'empty, unlike the field that it comes with' : faultOf(field, fields[name]);
    return fault === null || named.has(name) ? [] : [`${name}: ${fault}`];
  });
}

describe.each(RECORD_KINDS.all.map((kind) => [kind.name, kind] as const))('any field mapping of %s', (_name, kind) => {
  it('makes a valid record of every valid record, or names the field that is at fault', () => {
    fc.assert(
      fc.property(rulesFor(kind), validRecord(kind), hostileResults, (rules, fields, results) => {
        const mapping = mappingOf(kind, rules);
        const sent = [mapping.toProvider({ sourceId: 'x', fields }, results), []] as const;
        for (const [mapped, kept] of [sent, [mapping.toVenue(fields), mapping.kept.fields] as const]) {
          expect(Object.keys(mapped.fields).sort()).toEqual(Object.keys(kind.fields).sort());
          expect(unnamedFaults(kind, mapped, kept)).toEqual([]);
          for (const { message } of mapped.problems) expect(message).toMatch(/\.$/);
        }
      }),
    );
  });

  it('makes at most as much of hostile values as one whole record a rule', () => {
    fc.assert(
      fc.property(rulesFor(kind), pulledRecord(kind), hostileResults, (rules, fields, results) => {
        const mapping = mappingOf(kind, rules);
        for (const mapped of [mapping.toProvider({ sourceId: 'x', fields }, results), mapping.toVenue(fields)]) {
          expect(Object.keys(mapped.fields).sort()).toEqual(Object.keys(kind.fields).sort());
          expect(sizeOf(mapped.fields)).toBeLessThanOrEqual((rules.length + 1) * (sizeOf(fields) + LARGEST_RESULT));
        }
      }),
      // A pulled record may be a megabyte.
      { numRuns: 10 },
    );
  });

  it('leaves a stored record that a pull does not change as it is, whatever it keeps', () => {
    fc.assert(
      fc.property(rulesFor(kind), validRecord(kind), (rules, stored) => {
        const { kept } = mappingOf(kind, rules);
        expect(overStored(stored, stored, kept)).toEqual(stored);
      }),
    );
  });
});

/** The longest text that a field of any kind takes, and the most that a value map or a short expression writes. */
const LARGEST_RESULT = 40_000;
const sizeOf = (value: unknown): number => JSON.stringify(value).length;

/** Every scalar that a value map can translate from and to, by kind. */
const scalarsOf = (kind: RecordKind, find: typeof findPath) =>
  pathsOf(kind).flatMap((text) => {
    const path = find(kind, text);
    const isReference = Object.values(kind.references).some(({ field }) => field === path?.field);
    return path !== null && isScalar(path.value) && !isReference ? [{ text, path }] : [];
  });

const pairs = RECORD_KINDS.all.flatMap((kind) =>
  scalarsOf(kind, sourcePath).flatMap((source) =>
    scalarsOf(kind, findPath).map((target) => ({ kind, source, target })),
  ),
);

describe('a value map that may be saved', () => {
  it('is undone exactly for every value, from and to every scalar field of every kind', () => {
    for (const { kind, source, target } of pairs) {
      const key = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));
      const entries = fc.uniqueArray(fc.tuple(validValue(source.path.value), validValue(target.path.value)), {
        minLength: 1,
        maxLength: 4,
        comparator: ([a, b], [c, d]) => key(a) === key(c) || key(b) === key(d),
      });
      fc.assert(
        fc.property(entries, validRecord(kind), (given, fields) => {
          const values = Object.fromEntries(given.map(([own, theirs]) => [key(own), theirs])) as NonNullable<
            MappingRule['values']
          >;
          const rule: MappingRule = {
            target: target.text,
            source: source.text,
            values,
            direction: 'both',
            policy: 'venue',
          };
          const check = { kind, directions: { push: true, pull: true }, analyses: new Map<string, never>() };
          expect(checkMapping({ ...check, definition: { fields: [rule] } })).toEqual([]);
          const mapping = mappingOf(kind, [rule]);
          for (const [own, theirs] of given) {
            const record = withValue(fields, source.text, own);
            const sent = mapping.toProvider({ sourceId: 'x', fields: record }, []);
            expect(sent.problems.filter(({ path }) => path === target.text)).toEqual([]);
            expect(readPath(sent.fields, target.path)).toEqual(theirs);
            const read = mapping.toVenue(sent.fields);
            expect(read.problems.filter(({ path }) => path === source.text)).toEqual([]);
            expect(readPath(read.fields, source.path)).toEqual(own);
          }
        }),
        { numRuns: 3 },
      );
    }
  });
});

function withValue(fields: RecordFields, text: string, value: unknown): RecordFields {
  const { field, key } = parsePath(text);
  if (key === null) return { ...fields, [field]: value };
  return { ...fields, [field]: { ...(fields[field] as object | null), [key]: value } };
}
