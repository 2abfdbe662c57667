import type { Field, ValueType } from '../../records/field.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';

/** A field of a record, or one key within a field that is a map or an object. */
export interface FieldPath {
  readonly field: string;
  readonly key: string | null;
}

/** A path with what it leads to. */
export interface KnownPath extends FieldPath {
  readonly value: ValueType;
  readonly presence: Field['presence'];
  readonly fallback: unknown;
  /** The object that the key is a part of; null for a field, and for a key of a map. */
  readonly parts: Readonly<Record<string, Field>> | null;
}

/** The limits of an entry of a map, as the API takes it. */
const MAP_ENTRY: ValueType = { type: 'text', maxLength: 5_000 };
const MAX_KEY_LENGTH = 100;
/** Assigning it as a plain property would replace the object's prototype. */
const UNSAFE_KEY = '__proto__';

/** `metadata.season` is a key of a map: everything after the first dot, which may have dots itself. */
export function parsePath(text: string): FieldPath {
  const dot = text.indexOf('.');
  return dot === -1 ? { field: text, key: null } : { field: text.slice(0, dot), key: text.slice(dot + 1) };
}

export const pathText = ({ field, key }: FieldPath): string => (key === null ? field : `${field}.${key}`);

/** Null when the kind has no such field, or the field no such key. */
export function findPath(kind: RecordKind, text: string): KnownPath | null {
  const path = parsePath(text);
  const field = Object.hasOwn(kind.fields, path.field) ? kind.fields[path.field] : undefined;
  if (!field) return null;
  return path.key === null ? { ...path, ...known(field) } : findKey(path, path.key, field.value);
}

const known = ({ value, presence, fallback }: Field) => ({ value, presence, fallback: fallback ?? null, parts: null });

function findKey(path: FieldPath, key: string, value: ValueType): KnownPath | null {
  if (key === '' || key === UNSAFE_KEY) return null;
  if (value.type === 'string-map')
    return key.length > MAX_KEY_LENGTH
      ? null
      : { ...path, value: MAP_ENTRY, presence: 'optional', fallback: null, parts: null };
  if (value.type !== 'object') return null;
  const part = Object.hasOwn(value.fields, key) ? value.fields[key] : undefined;
  return part ? { ...path, ...known(part), parts: value.fields } : null;
}

/** Null where the record has nothing there. */
export function readPath(fields: RecordFields, { field, key }: FieldPath): unknown {
  const value = fields[field] ?? null;
  if (key === null) return value;
  return isObject(value) && Object.hasOwn(value, key) ? (value[key] ?? null) : null;
}

/** The fields with another value at the path. Null removes a key of a map, and clears anything else. */
export function writePath(fields: RecordFields, path: KnownPath, value: unknown): RecordFields {
  const { field, key, fallback, parts } = path;
  if (key === null) return { ...fields, [field]: value ?? fallback };
  const before = fields[field];
  if (parts !== null) return { ...fields, [field]: withPart(before, parts, { [key]: value }) };
  const entries = Object.entries(isObject(before) ? before : {}).filter(([name]) => name !== key);
  return { ...fields, [field]: Object.fromEntries(value === null ? entries : [...entries, [key, value]]) };
}

/** An object all of whose parts are empty is no object. */
function withPart(before: unknown, parts: Readonly<Record<string, Field>>, change: RecordFields): RecordFields | null {
  const nothing = Object.fromEntries(Object.entries(parts).map(([name, { fallback }]) => [name, fallback ?? null]));
  const changed: RecordFields = { ...nothing, ...(isObject(before) ? before : {}), ...change };
  return Object.values(changed).every((value) => value === null) ? null : changed;
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
