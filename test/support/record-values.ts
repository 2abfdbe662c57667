import fc from 'fast-check';
import type { Field, FieldMap, ValueType } from '../../records/field.ts';
import { fieldsOf } from '../../records/record-kind.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';

// Generators of records of any kind, derived from its descriptor.

/** A minimal valid record: only what is required. `markOf` reads `mark` back. */
export function plainRecord(kind: RecordKind, mark = 'mark'): RecordFields {
  const marked = markedField(kind);
  return Object.fromEntries(
    fieldsOf(kind).map(([name, field]) => [name, name === marked ? marking(field, mark) : plainValue(field)]),
  );
}

/** The `mark` of a record made by `plainRecord`. */
export function markOf(kind: RecordKind, fields: RecordFields): unknown {
  const value = fields[markedField(kind)];
  return typeof value === 'object' && value !== null ? (value as { readonly mark?: unknown }).mark : value;
}

/** The field by which tests tell records of one kind apart. */
export function markedField(kind: RecordKind): string {
  const found =
    fieldsOf(kind).find(([, { value }]) => value.type === 'text') ??
    fieldsOf(kind).find(([, { value }]) => value.type === 'string-map');
  if (!found) throw new Error(`${kind.name} has no field that could hold a mark`);
  return found[0];
}

const marking = ({ value }: Field, mark: string): unknown => (value.type === 'text' ? mark : { mark });

const plainValue = ({ value, presence, fallback }: Field): unknown =>
  presence === 'required' ? PLAIN[value.type](value as never) : (fallback ?? null);

const PLAIN: { readonly [Type in ValueType['type']]: (value: Extract<ValueType, { type: Type }>) => unknown } = {
  text: () => 'text',
  email: () => 'ada@example.com',
  url: () => 'https://example.com',
  'source-id': () => 'source',
  'record-id': () => '019a0000-0000-7000-8000-000000000000',
  amount: () => 1,
  decimal: () => '1.5',
  currency: () => 'EUR',
  boolean: () => true,
  instant: () => '2026-11-01T00:00:00.000Z',
  word: ({ words }) => words[0],
  list: () => [],
  object: ({ fields }) => Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, plainValue(field)])),
  'string-map': () => ({}),
};

/**
 * Anything that a pull may store: what the columns and types allow, far beyond the limits for callers. Providers bound
 * neither text lengths nor list sizes, and know currencies and addresses that we do not.
 */
export const pulledRecord = (kind: RecordKind): fc.Arbitrary<RecordFields> =>
  fieldsArbitrary(kind.fields).map((fields) => {
    const parted = kind.together.flatMap((names) => (names.some((name) => fields[name] === null) ? names : []));
    return { ...fields, ...Object.fromEntries(parted.map((name) => [name, null])) };
  });

const fieldsArbitrary = (fields: FieldMap): fc.Arbitrary<RecordFields> =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, fieldArbitrary(field)])));

const fieldArbitrary = ({ value, presence }: Field): fc.Arbitrary<unknown> =>
  presence === 'optional' ? fc.option(pulledValue(value)) : pulledValue(value);

const pulledValue = (value: ValueType): fc.Arbitrary<unknown> => PULLED[value.type](value as never);

// Excludes U+0000 and lone surrogates, which cannot be stored: adapters replace both.
const anyText = fc.oneof(
  { weight: 4, arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll('\0', '')) },
  fc.constantFrom('', ' ', '\t\n', 'no address', 'a@b@c', '__proto__', 'eur', '🎈'.repeat(600)),
  fc.constantFrom(300, 1_100, 45_000).map((length) => 'x'.repeat(length)),
);

const anyDecimal = fc.oneof(
  fc.bigInt({ min: -(10n ** 25n), max: 10n ** 25n }).map(String),
  fc.constantFrom('0', '-0.000000000001', '12345678901234567890.12345678901234', '1e+21', '0.1234567890123'),
);

const anyMap = fc.oneof(
  fc.dictionary(
    anyText.filter((key) => key.length < 200),
    anyText,
    { maxKeys: 6 },
  ),
  fc.constant(Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`key-${index}`, 'value']))),
);

const PULLED: {
  readonly [Type in ValueType['type']]: (value: Extract<ValueType, { type: Type }>) => fc.Arbitrary<unknown>;
} = {
  text: () => anyText,
  email: () => anyText,
  url: () => anyText,
  'source-id': () => anyText,
  // Filled in when the named record is stored: test/db/records/record-references.test.ts.
  'record-id': () => fc.constant(null),
  amount: () => fc.maxSafeInteger(),
  decimal: () => anyDecimal,
  currency: () => fc.constantFrom('EUR', 'JPY', 'XYZ', 'eur', 'BTC'),
  boolean: () => fc.boolean(),
  instant: () =>
    fc
      .date({ min: new Date('0001-01-01T00:00:00Z'), max: new Date('9999-12-31T23:59:59Z'), noInvalidDate: true })
      .map((date) => date.toISOString()),
  word: ({ words }) => fc.constantFrom(...words),
  list: ({ item, maxItems }) =>
    fc.oneof(
      { weight: 6, arbitrary: fc.array(pulledValue(item), { maxLength: 4 }) },
      pulledValue(item).map((one) => Array.from({ length: maxItems + 1 }, () => (smallEnough(one) ? one : null))),
    ),
  object: ({ fields }) => fieldsArbitrary(fields),
  'string-map': () => anyMap,
};

/** Shortens a list so that the record fits into a request. */
const smallEnough = (value: unknown): boolean => Buffer.byteLength(JSON.stringify(value)) < 120;
