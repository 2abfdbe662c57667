import { fieldOf, flatten, isSame, mapOf, unflatten, withoutNothing } from './flat-fields.ts';
import type { Fields, MapFields } from './flat-fields.ts';
import type { AgreedVersion } from './merge.ts';

/**
 * An agreed version as it is stored, which holds only what the record itself does not show. Most records need neither
 * part, so that a venue's records are not stored twice.
 */
export interface StoredAgreement {
  /** The venue's side; null when it equals the record. */
  readonly venue: Fields | null;
  /** The provider's side of the fields in which it differs from the venue's side; null when it differs in none. */
  readonly provider: Fields | null;
}

/** The agreed version of a record with these fields. */
export function toStored(agreed: AgreedVersion, record: Fields): StoredAgreement {
  const equalsRecord = Object.keys(record).every((name) => isKnownAs(agreed.venue, name, record[name]));
  let provider: Record<string, unknown> | null = null;
  for (const name of Object.keys(agreed.provider)) {
    const value = agreed.provider[name];
    if (value !== undefined && !isKnownAs(agreed.venue, name, value)) (provider ??= {})[name] = value;
  }
  return { venue: equalsRecord ? null : agreed.venue, provider };
}

const isKnownAs = (fields: Fields, name: string, value: unknown) =>
  fields[name] !== undefined && isSame(fields[name], value);

/**
 * The reverse of `toStored`. `record` is the record's fields when its version is still the agreed one, otherwise null:
 * without a stored venue side nothing is then known of it.
 */
export function fromStored(stored: StoredAgreement | null, record: Fields | null): AgreedVersion {
  const venue = stored?.venue ?? record ?? {};
  return { venue, provider: { ...venue, ...stored?.provider } };
}

/**
 * The agreed version in which nothing was held under these paths, so that of two values neither is the earlier one. A path
 * into an object stands for the whole object.
 */
export function withoutPaths(agreed: AgreedVersion, paths: readonly string[], maps: MapFields): AgreedVersion {
  if (paths.length === 0) return agreed;
  const without = (fields: Fields): Fields =>
    paths.reduce((left, path) => {
      const map = mapOf(path, maps);
      const name = map ?? path.split('.', 1).join();
      if (left[name] === undefined) return left;
      const others = Object.entries((left[name] ?? {}) as Fields).filter(([key]) => `${map}.${key}` !== path);
      return {
        ...left,
        [name]: map === null && !maps.has(name) ? null : Object.fromEntries(map === null ? [] : others),
      };
    }, fields);
  return { venue: without(agreed.venue), provider: without(agreed.provider) };
}

/**
 * What two sides agree on that meet for the first time, and are the same by these fields: those as each side has them, and
 * that neither had anything where one has nothing. So the other's value travels, and nothing is cleared. Of two values
 * that differ neither is known to be the earlier one.
 */
export function agreedAtMeeting(
  { venue, provider }: AgreedVersion,
  { sameBy, maps }: { readonly sameBy: readonly string[]; readonly maps: MapFields },
): AgreedVersion {
  const names = Object.keys(venue).filter((name) => provider[name] !== undefined);
  const isLacking = (name: string) => isNothing(venue[name]) || isNothing(provider[name]);
  const known = (side: Fields): Fields => {
    const valueOf = (name: string): unknown => {
      if (maps.has(name)) return {};
      return sameBy.includes(name) || isNothing(side[name]) ? side[name] : null;
    };
    const isKnown = (name: string) => maps.has(name) || sameBy.includes(name) || isLacking(name);
    return Object.fromEntries(names.filter(isKnown).map((name) => [name, valueOf(name)]));
  };
  return { venue: known(venue), provider: known(provider) };
}

const isNothing = (value: unknown): boolean => value === null || value === '';

export interface WrittenVersion {
  readonly agreed: AgreedVersion;
  /** The venue's record that was written, or that already had the right payload. */
  readonly venue: Fields;
  /** The provider's object as its answer told it; null when nothing was written. A missing field was not told. */
  readonly answer: Fields | null;
  /** Paths that were left as they are, because a person has to decide. */
  readonly held: readonly string[];
  readonly maps: MapFields;
}

/** The agreed version after a write to the provider: what the record holds, and what the provider made of it. */
export function agreedByWrite({ agreed, venue, answer, held, maps }: WrittenVersion): AgreedVersion {
  const provider = answer === null ? { ...venue, ...known(agreed.provider) } : { ...venue, ...known(answer) };
  return {
    venue: keeping(venue, agreed.venue, { held, maps }),
    provider: keeping(provider, agreed.provider, { held, maps }),
  };
}

/** Mostly the same object, because every record that is written passes here. */
const known = (fields: Fields): Fields =>
  Object.keys(fields).every((name) => fields[name] !== undefined)
    ? fields
    : Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** `fields` with the earlier values of the held paths. A map with a held key of unknown value becomes unknown. */
function keeping(
  fields: Fields,
  earlier: Fields,
  { held, maps }: { readonly held: readonly string[]; readonly maps: MapFields },
): Fields {
  if (held.length === 0) return withoutNothing(fields, maps);
  const flat = new Map(flatten(fields, maps));
  const before = flatten(earlier, maps);
  const unknown = new Set<string>();
  for (const path of held) {
    const name = fieldOf(path, maps);
    if (earlier[name] === undefined) unknown.add(name);
    else flat.set(path, before.get(path) ?? null);
  }
  const left = new Map([...flat].filter(([path]) => !unknown.has(fieldOf(path, maps))));
  return unflatten(
    left,
    maps,
    Object.keys(fields).filter((name) => !unknown.has(name)),
  );
}

/** `fields` with other values for some paths. */
export function withPaths(fields: Fields, values: Fields, maps: MapFields): Fields {
  return unflatten(new Map([...flatten(fields, maps), ...Object.entries(values)]), maps, Object.keys(fields));
}
