import type { Field } from './field.ts';
import { fieldsOf } from './record-kind.ts';
import type { RecordFields, RecordKind } from './record-kind.ts';

/** Fields that are maps, whose keys are merged one by one. */
export const mapFieldsOf = (kind: RecordKind): ReadonlySet<string> => shapeOf(kind).maps;

interface Shape {
  readonly maps: ReadonlySet<string>;
  readonly fields: readonly ComparedField[];
}

interface ComparedField {
  readonly name: string;
  readonly field: Field;
  /** A null that a pull would not store. */
  readonly keepsKnown: boolean;
}

/** A kind never changes, and every record of it is compared. */
const shapes = new WeakMap<RecordKind, Shape>();

function shapeOf(kind: RecordKind): Shape {
  const known = shapes.get(kind);
  if (known) return known;
  const references = new Set(Object.values(kind.references).map(({ field }) => field));
  const shape = {
    maps: new Set(fieldsOf(kind).flatMap(([name, { value }]) => (value.type === 'string-map' ? [name] : []))),
    fields: fieldsOf(kind).map(([name, field]) => ({
      ...{ name, field },
      keepsKnown: references.has(name) || field.whenPulled !== undefined,
    })),
  };
  shapes.set(kind, shape);
  return shape;
}

/**
 * A record's fields in the form in which two readings of it can be compared: defaults in place of null, times in UTC
 * with milliseconds. A field that the reading does not tell is left out: one that it lacks, and a null that a pull
 * would not store.
 */
export function comparableFields(kind: RecordKind, given: RecordFields): RecordFields {
  const compared: Record<string, unknown> = {};
  for (const { name, field, keepsKnown } of shapeOf(kind).fields) {
    const value = given[name];
    if (value !== undefined && !(value === null && keepsKnown)) compared[name] = comparable(field, value);
  }
  return compared;
}

function comparable({ value: type, fallback }: Field, value: unknown): unknown {
  if (value === null) return fallback ?? null;
  if (type.type !== 'instant' || typeof value !== 'string') return value;
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? value : at.toISOString();
}
