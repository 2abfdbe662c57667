import { canonicalJson } from '../fingerprint.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Fields by path. A map such as `metadata` has one path per key, `metadata.colour`; every other field has its name. */
export type FlatFields = ReadonlyMap<string, unknown>;

/** Names of the fields that are maps, whose keys are merged one by one. */
export type MapFields = ReadonlySet<string>;

/**
 * Equal canonical JSON. The text is only made of what is neither a string, a list nor an object: this compares every
 * record that is read or written.
 */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one === 'string' || typeof other === 'string') return false;
  if (isObject(one) && isObject(other)) return isSameInside(one, other);
  return !isObject(one) && !isObject(other) && canonicalJson(one) === canonicalJson(other);
}

function isSameInside(one: object, other: object): boolean {
  if (Array.isArray(one) && Array.isArray(other)) return isSameList(one, other);
  return !Array.isArray(one) && !Array.isArray(other) && isSameObject(one as Fields, other as Fields);
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isSameList = (one: readonly unknown[], other: readonly unknown[]): boolean =>
  one.length === other.length && one.every((item, index) => isSame(item, other[index]));

/** An entry without a value counts as absent. */
function isSameObject(one: Fields, other: Fields): boolean {
  let entries = 0;
  for (const key of Object.keys(one)) {
    if (one[key] === undefined) continue;
    if (!Object.hasOwn(other, key) || other[key] === undefined || !isSame(one[key], other[key])) return false;
    entries += 1;
  }
  for (const key of Object.keys(other)) if (other[key] !== undefined) entries -= 1;
  return entries === 0;
}

/** Undefined values count as absent. */
export function flatten(fields: Fields, maps: MapFields): FlatFields {
  return new Map(
    Object.entries(fields)
      .filter(([, value]) => value !== undefined)
      .flatMap(([name, value]) => (maps.has(name) ? entriesOf(name, value) : [[name, value] as const])),
  );
}

const entriesOf = (name: string, value: unknown): readonly (readonly [string, unknown])[] =>
  Object.entries((value ?? {}) as Fields).map(([key, entry]) => [`${name}.${key}`, entry]);

/** The reverse of `flatten`. A key with the value null is left out of its map. */
export function unflatten(flat: FlatFields, maps: MapFields, told: readonly string[]): Fields {
  const fields: Record<string, unknown> = Object.fromEntries(told.filter((name) => maps.has(name)).map(emptyMap));
  for (const [path, value] of flat) {
    const name = mapOf(path, maps);
    if (name === null) fields[path] = value;
    else if (value !== null && fields[name] !== undefined)
      define(fields[name] as object, path.slice(name.length + 1), value);
  }
  return fields;
}

/** What flattening and unflattening leave: no field without a value, and no key of a map with the value null. */
export function withoutNothing(fields: Fields, maps: MapFields): Fields {
  const names = Object.keys(fields);
  // Mostly the same object, because this runs for every record that is written.
  if (names.every((name) => holdsNoNothing(fields[name], maps.has(name)))) return fields;
  const left: Record<string, unknown> = {};
  for (const name of names) {
    const value = fields[name];
    if (maps.has(name)) left[name] = withoutNulls((value ?? {}) as Fields);
    else if (value !== undefined) left[name] = value;
  }
  return left;
}

const holdsNoNothing = (value: unknown, isMap: boolean): boolean =>
  isMap ? value !== null && value !== undefined && !Object.values(value).includes(null) : value !== undefined;

const withoutNulls = (map: Fields): Fields =>
  Object.fromEntries(Object.entries(map).filter(([, value]) => value !== null));

const emptyMap = (name: string) => [name, {}] as const;

/** A key of a map may be `__proto__`, which a plain assignment would not store. */
const define = (map: object, key: string, value: unknown) =>
  Object.defineProperty(map, key, { value, enumerable: true, configurable: true, writable: true });

/** The map that a path belongs to; null for the path of a whole field. */
export function mapOf(path: string, maps: MapFields): string | null {
  const dot = path.indexOf('.');
  const name = dot === -1 ? null : path.slice(0, dot);
  return name !== null && maps.has(name) ? name : null;
}

/** The field that a path belongs to. */
export const fieldOf = (path: string, maps: MapFields): string => mapOf(path, maps) ?? path;
