import type { ValueType } from '../../records/field.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';

/** What is wrong with a field that is to be left out; null for one that can be. */
export function exclusionProblem(kind: RecordKind, name: string, excluded: readonly string[]): string | null {
  const field = Object.hasOwn(kind.fields, name) ? kind.fields[name] : undefined;
  if (!field) return `Must be a field of ${kind.name}`;
  if (field.presence === 'required') return `${name} is required of ${kind.name} and cannot be left out`;
  if (excluded.indexOf(name) !== excluded.lastIndexOf(name)) return 'Must not be named twice';
  const missing = kind.together.find((fields) => fields.includes(name))?.find((one) => !excluded.includes(one));
  return missing === undefined ? null : `${name} and ${missing} come together: leave out both`;
}

/** The fields without the values of those that are left out, which become what a new record begins with. */
export function withoutExcluded(kind: RecordKind, fields: RecordFields, excluded: readonly string[]): RecordFields {
  if (excluded.length === 0) return fields;
  const cleared = excluded.map((name) => [name, kind.fields[name]?.fallback ?? null] as const);
  return { ...fields, ...Object.fromEntries(cleared) };
}

/** Two records that differ in the fields that are left out and in nothing else. */
export interface ExcludedSamples {
  readonly without: RecordFields;
  readonly filled: RecordFields;
}

/** Samples by which a mapping shows where in its payload the fields that are left out would be. */
export function excludedSamples(kind: RecordKind, excluded: readonly string[]): ExcludedSamples {
  const required = Object.entries(kind.fields).map(([name, { value, presence, fallback }]) => [
    name,
    presence === 'required' ? sampleOf(value) : (fallback ?? null),
  ]);
  const without = Object.fromEntries(required) as RecordFields;
  const filled = excluded.map((name) => [name, sampleOfField(kind, name)] as const);
  return { without, filled: { ...without, ...Object.fromEntries(filled) } };
}

function sampleOfField(kind: RecordKind, name: string): unknown {
  const value = kind.fields[name]?.value;
  return value ? sampleOf(value) : null;
}

const sampleOf = (value: ValueType): unknown => SAMPLES[value.type](value as never);

const SAMPLES: { readonly [Type in ValueType['type']]: (value: Extract<ValueType, { type: Type }>) => unknown } = {
  text: () => 'sample',
  email: () => 'sample@example.com',
  url: () => 'https://example.com/sample',
  'source-id': () => 'sample',
  'record-id': () => '00000000-0000-7000-8000-000000000000',
  amount: () => 100,
  decimal: () => '1',
  currency: () => 'USD',
  boolean: () => true,
  instant: () => '2026-01-01T00:00:00.000Z',
  word: ({ words }) => words[0],
  list: ({ item }) => [sampleOf(item)],
  object: ({ fields }) =>
    Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, sampleOf(field.value)])),
  'string-map': () => ({ sample: 'sample' }),
};

type Payload = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Payload =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The payload without every place in which the two samples' payloads differ: it neither sends nor clears anything there. */
export function withoutPlaces(payload: Payload, without: Payload, filled: Payload): Payload {
  const kept = Object.entries(payload).flatMap(([key, value]) => {
    const [one, other] = [without[key], filled[key]];
    if (isObject(value) && isObject(one) && isObject(other)) return [[key, withoutPlaces(value, one, other)] as const];
    return JSON.stringify(one) === JSON.stringify(other) ? [[key, value] as const] : [];
  });
  return Object.fromEntries(kept);
}
