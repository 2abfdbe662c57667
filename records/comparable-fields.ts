import type { Field } from './field.ts';
import { fieldsOf } from './record-kind.ts';
import type { RecordFields, RecordKind } from './record-kind.ts';

/** Fields that are maps, whose keys are merged one by one. */
export const mapFieldsOf = (kind: RecordKind): ReadonlySet<string> =>
  new Set(fieldsOf(kind).flatMap(([name, { value }]) => (value.type === 'string-map' ? [name] : [])));

/**
 * A record's fields in the form in which two readings of it can be compared: defaults in place of null, times in UTC
 * with milliseconds. A field that the reading does not tell is left out: one that it lacks, and a null that a pull
 * would not store.
 */
export function comparableFields(kind: RecordKind, given: RecordFields): RecordFields {
  const references = new Set(Object.values(kind.references).map(({ field }) => field));
  return Object.fromEntries(
    fieldsOf(kind).flatMap(([name, field]) => {
      const keepsKnown = references.has(name) || field.whenPulled !== undefined;
      const value = given[name];
      return value === undefined || (value === null && keepsKnown) ? [] : [[name, comparable(field, value)]];
    }),
  );
}

function comparable({ value: type, fallback }: Field, value: unknown): unknown {
  if (value === null) return fallback ?? null;
  if (type.type !== 'instant' || typeof value !== 'string') return value;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? value : at.toISOString();
}
