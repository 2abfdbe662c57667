import { isSame } from '../sync/merge/flat-fields.ts';
import type { RecordFields, RecordKind } from '../../records/record-kind.ts';
import { pathText } from './field-path.ts';
import type { FieldPath, KnownPath } from './field-path.ts';
import { NOTHING_KEPT } from './mapping.ts';
import type { FieldHolding, Holdings, KeptFields, OwnKeys, UntoldParts } from './mapping.ts';

interface Keeping {
  readonly rules: readonly { readonly target: KnownPath }[];
  /** Rules that read back. */
  readonly pulling: readonly PullingRule[];
  /** Keys that are sent under another name. */
  readonly moved: readonly FieldPath[];
  readonly holdings: Holdings;
}

interface PullingRule {
  readonly target: KnownPath;
  readonly source: KnownPath | null;
}

/** What a pull leaves as it is under the rules of a mapping and what the provider holds. */
export function keptBy({ rules, pulling, moved, holdings }: Keeping): KeptFields {
  const read: KnownPath[] = [];
  // What the provider would lose is not read back.
  const lost: KnownPath[] = [];
  const whileEmpty: string[] = [];
  for (const { source, target } of pulling) {
    if (source === null) continue;
    const held = holdingOf(holdings, target);
    const isKeptWhileEmpty = held === 'when-set' && source.key === null;
    if (isKeptWhileEmpty) whileEmpty.push(source.field);
    (held === 'whole' || isKeptWhileEmpty ? read : lost).push(source);
  }
  const written = new Set(read.map(pathText));
  const candidates = [...rules.map(({ target }) => target), ...moved, ...lost, ...lacking(holdings)].filter(
    (path) => !written.has(pathText(path)),
  );
  const fields = [...new Set(candidates.flatMap(({ field, key }) => (key === null ? [field] : [])))];
  const named = (name: string) => read.flatMap(({ field, key }) => (field === name && key !== null ? [key] : []));
  const isRuled = (field: string) => fields.includes(field) || written.has(field);
  const held = Object.entries(holdings);
  whileEmpty.push(...held.flatMap(([field, holding]) => (holding === 'when-set' && !isRuled(field) ? [field] : [])));
  const exceptKeys = held.flatMap(([field, holding]): readonly (readonly [string, OwnKeys])[] => {
    if (holding === 'nothing' || holding === 'when-set' || hasUntoldParts(holding) || isRuled(field)) return [];
    return [[field, { ...(holding === 'told' ? { prefix: null } : holding), named: named(field) }]];
  });
  const untoldParts = held.flatMap(([field, holding]): readonly (readonly [string, UntoldParts])[] =>
    hasUntoldParts(holding) && !fields.includes(field) ? [[field, holding]] : [],
  );
  return {
    ...{ fields, keys: keysOf(candidates, fields) },
    ...(whileEmpty.length > 0 && { whileEmpty }),
    ...(exceptKeys.length > 0 && { exceptKeys: Object.fromEntries(exceptKeys) }),
    ...(untoldParts.length > 0 && { untoldParts: Object.fromEntries(untoldParts) }),
  };
}

export const hasUntoldParts = (holding: FieldHolding | 'whole' | undefined): holding is UntoldParts =>
  typeof holding === 'object' && 'untold' in holding;

/** How much the provider holds of what a rule writes. */
function holdingOf(holdings: Holdings, { field, key }: FieldPath): 'whole' | 'when-set' | 'nothing' {
  const holding = holdings[field] ?? 'whole';
  if (holding === 'told' || hasUntoldParts(holding)) return 'whole';
  if (typeof holding === 'string') return holding;
  return key?.startsWith(holding.prefix) === true ? 'whole' : 'nothing';
}

const lacking = (holdings: Holdings): readonly FieldPath[] =>
  Object.entries(holdings).flatMap(([field, holding]) => (holding === 'nothing' ? [{ field, key: null }] : []));

function keysOf(candidates: readonly FieldPath[], fields: readonly string[]): KeptFields['keys'] {
  const keys: Record<string, string[]> = {};
  for (const { field, key } of candidates) {
    if (key === null || fields.includes(field)) continue;
    const known = (keys[field] ??= []);
    if (!known.includes(key)) known.push(key);
  }
  return keys;
}

/**
 * The fields that were read, with the stored values of whatever a pull leaves as it is. The statement that stores pulled
 * records does the same in SQL.
 */
export function overStored(read: RecordFields, stored: RecordFields, kept: KeptFields = NOTHING_KEPT): RecordFields {
  const { fields, keys, whileEmpty = NO_NAMES, exceptKeys = NO_KEYS } = kept;
  const over: Record<string, unknown> = { ...withUntoldParts(read, stored, kept) };
  for (const name of Object.keys(over)) {
    const own = exceptKeys[name];
    const named = keys[name];
    if (whileEmpty.includes(name) && isEmpty(over[name])) over[name] = stored[name];
    else if (own !== undefined || named !== undefined)
      over[name] = keptMap({ read: over[name], stored: stored[name] }, own, named);
  }
  for (const name of fields) over[name] = stored[name];
  return over;
}

const NO_NAMES: readonly string[] = [];
const NO_KEYS: NonNullable<KeptFields['exceptKeys']> = {};

/** The fields that were read, without those that say nothing because they are empty. */
export function withoutUnsaid(read: RecordFields, { whileEmpty = NO_NAMES }: KeptFields = NOTHING_KEPT): RecordFields {
  const unsaid = whileEmpty.filter((name) => name in read && isEmpty(read[name]));
  return unsaid.length === 0
    ? read
    : Object.fromEntries(Object.entries(read).filter(([name]) => !unsaid.includes(name)));
}

/**
 * The fields that were read, with the parts of lists’ items that the provider does not tell, as they are in a version with
 * the same items.
 */
export function withUntoldParts(
  read: RecordFields,
  version: RecordFields,
  { untoldParts }: KeptFields = NOTHING_KEPT,
): RecordFields {
  if (untoldParts === undefined) return read;
  const lists = Object.entries(untoldParts).filter(([name]) => read[name] !== undefined);
  if (lists.length === 0) return read;
  return {
    ...read,
    ...Object.fromEntries(lists.map(([name, parts]) => [name, itemsWith(name, parts, { read, stored: version })])),
  };
}

function itemsWith(
  name: string,
  { untold, follow }: UntoldParts,
  { read, stored }: { readonly read: RecordFields; readonly stored: RecordFields },
): unknown {
  const [items, before] = [listOf(read[name]), listOf(stored[name])];
  const isSameBasis =
    follow.fields.every((field) => isSame(read[field], stored[field])) &&
    items.length === before.length &&
    items.every((item, index) => follow.parts.every((part) => isSame(item[part], before[index]?.[part])));
  if (!isSameBasis) return read[name];
  return items.map((item, index) => ({
    ...item,
    ...Object.fromEntries(untold.map((part) => [part, item[part] ?? before[index]?.[part] ?? null])),
  }));
}

function keptMap(
  { read, stored }: { readonly read: unknown; readonly stored: unknown },
  own: OwnKeys | undefined,
  named: readonly string[] | undefined,
): unknown {
  const entries = Object.entries(mapOf(stored));
  if (entries.length === 0) return read;
  const others = own === undefined ? [] : entries.filter(([key]) => !isOwn(own, key));
  const held = named === undefined ? [] : entries.filter(([key, value]) => named.includes(key) && value !== null);
  if (others.length + held.length === 0) return read;
  return { ...Object.fromEntries(others), ...mapOf(read), ...Object.fromEntries(held) };
}

/**
 * Whether a reading differs from the stored record in what the provider tells and no push writes, such as metadata that
 * the adapter makes of the provider's own facts. Of a version that is known only what changes without the version counts:
 * our own write may have changed the rest, as it does the name of an item, and a pull does not tell a venue of that.
 */
export function differsUnwritten(
  kind: RecordKind,
  kept: KeptFields,
  { read, stored, isNewer }: { readonly read: RecordFields; readonly stored: RecordFields; readonly isNewer: boolean },
): boolean {
  const after = overStored(read, stored, kept);
  return unwrittenFields(kind, kept).some((name) => {
    if (isNewer) return !isSame(after[name], stored[name]);
    const { unversioned = [] } = kept.exceptKeys?.[name] ?? {};
    return !isSame(keysFrom(after[name], unversioned), keysFrom(stored[name], unversioned));
  });
}

/** Fields of which a provider tells something that no push writes. Readings add up in a field that has a rule of its own. */
export const unwrittenFields = (
  { fields }: RecordKind,
  { whileEmpty = [], exceptKeys = {} }: KeptFields,
): readonly string[] =>
  [...whileEmpty, ...Object.keys(exceptKeys)].filter((name) => fields[name]?.whenPulled === undefined);

const keysFrom = (value: unknown, beginnings: readonly string[]): RecordFields =>
  Object.fromEntries(
    Object.entries(mapOf(value)).filter(([key]) => beginnings.some((beginning) => key.startsWith(beginning))),
  );

// Only the statement that stores records knows which keys the last reading had.
const isOwn = ({ prefix, named }: OwnKeys, key: string): boolean =>
  (prefix !== null && key.startsWith(prefix)) || named.includes(key);

const isEmpty = (value: unknown): boolean =>
  value === null || value === undefined || (Array.isArray(value) && value.length === 0);

const listOf = (value: unknown): readonly RecordFields[] => (value ?? []) as readonly RecordFields[];

const mapOf = (value: unknown): RecordFields => (value ?? {}) as RecordFields;
