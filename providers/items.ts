import { z } from 'zod';
import { ProviderError } from './provider-error.ts';
import type { ProviderRejection } from './provider.ts';

/**
 * The names that a provider documents for objects of a schema, those that no adapter reads included. Names within an object
 * are joined to its own by a dot. Whatever else an object has is new.
 */
export const DOCUMENTED_NAMES = z.registry<{ readonly names: readonly string[] }>();

/** For `DOCUMENTED_NAMES`: names that stand apart by spaces and line breaks, and those of objects under their own name. */
export function namesIn(text: string, nested: Readonly<Record<string, string>> = {}) {
  const list = (names: string) => names.trim().split(/\s+/);
  const inner = Object.entries(nested).flatMap(([name, names]) => [
    ...[name, `${name}.*`],
    ...list(names).map((one) => `${name}.${one}`),
  ]);
  return { names: [...list(text), ...inner] };
}

/**
 * A text that may be missing; null also where it is empty. Has no transformation, which takes three times the memory:
 * objects of most providers have a dozen such texts.
 */
export const nullableText = z
  .string()
  .nullable()
  .default(null)
  .overwrite((value) => value || null);

/** The items of a list, each parsed on its own so that an unreadable one does not stop the rest. */
export interface ReadItems<Item> {
  readonly items: readonly Item[];
  readonly unreadable: readonly UnreadableItem[];
  /** Fields of items that the provider does not document, each as the names that lead to it; absent: none. */
  readonly newFields?: readonly (readonly string[])[];
}

export interface UnreadableItem {
  /** The item as received. */
  readonly raw: unknown;
  /** The provider's id of the record; null when the item has none. */
  readonly externalId: string | null;
  /** The text of `issuesOf`. */
  readonly issues: string;
  /** Fields of the item whose values are none that its schema lists, each as the names that lead to it; absent: none. */
  readonly unknownValues?: readonly (readonly string[])[];
  /** Fields of the item whose values are of another type than its schema has, likewise. */
  readonly changedTypes?: readonly (readonly string[])[];
}

/** Parses each item. `idOf` reads the provider's record id from an item of any shape; null when there is none. */
export function readItems<Schema extends z.ZodType>(
  schema: Schema,
  raw: readonly unknown[],
  idOf: (item: unknown) => string | null = idIn,
): ReadItems<z.output<Schema>> {
  const items: z.output<Schema>[] = [];
  const unreadable: UnreadableItem[] = [];
  for (const item of raw) {
    const { success, data, error } = schema.safeParse(item);
    if (success) items.push(data);
    else unreadable.push({ raw: item, externalId: idOf(item), issues: issuesOf(error), ...unknownIn(item, error) });
  }
  const newFields = newFieldsOf(schema, raw);
  return { items, unreadable, ...(newFields.length > 0 && { newFields }) };
}

/** Each once. */
function newFieldsOf(schema: z.ZodType, raw: readonly unknown[]): readonly (readonly string[])[] {
  const documented = DOCUMENTED_NAMES.get(schema);
  if (!documented) return [];
  const known = new Set(documented.names);
  const found = new Map<string, readonly string[]>();
  for (const item of raw) addNewNames(found, item, { known, within: [] });
  return [...found.values()];
}

interface Documented {
  readonly known: ReadonlySet<string>;
  readonly within: readonly string[];
}

function addNewNames(found: Map<string, readonly string[]>, item: unknown, { known, within }: Documented): void {
  if (typeof item !== 'object' || item === null || Array.isArray(item)) return;
  for (const key of Object.keys(item)) {
    const path = within.length === 0 ? key : `${within.join('.')}.${key}`;
    const value = (item as Readonly<Record<string, unknown>>)[key];
    if (!known.has(path)) found.set(path, [...within, key]);
    // Only objects whose names are listed are looked into.
    else if (typeof value === 'object' && value !== null && known.has(`${path}.*`))
      addNewNames(found, value, { known, within: [...within, key] });
  }
}

/** The entry in a run's log for an unreadable object. */
export function unreadableRejection({
  externalId,
  issues,
  unknownValues,
  changedTypes,
}: Omit<UnreadableItem, 'raw'>): ProviderRejection {
  const message = `The provider’s object cannot be read: ${issues}.`;
  const fields = { ...(unknownValues && { unknownValues }), ...(changedTypes && { changedTypes }) };
  return { externalId, code: 'unreadable', message, ...fields };
}

/** The issues of the one unreadable object that this error is about; null for any other error. */
export const unreadableIssuesOf = (error: unknown): string | null =>
  error instanceof ProviderError ? (error.details.unreadable ?? null) : null;

/** Rejects the object that this error is about. Rethrows an error that is not about one object. */
export function rejectionOf(externalId: string, error: unknown): ProviderRejection {
  const issues = unreadableIssuesOf(error);
  if (issues === null) throw error;
  return unreadableRejection({ externalId, issues });
}

/** The text at a path of keys in a value of any shape. */
export function textAt(value: unknown, ...path: readonly string[]): string | null {
  let found: unknown = value;
  for (const key of path) found = ownValue(found, key);
  return typeof found === 'string' && found !== '' ? found : null;
}

const ownValue = (at: unknown, key: string): unknown =>
  typeof at === 'object' && at !== null && Object.hasOwn(at, key)
    ? (at as Readonly<Record<string, unknown>>)[key]
    : undefined;

/** Not by `textAt`: this runs several times for every item. */
export const idIn = (item: unknown): string | null => {
  const id = ownValue(item, 'id');
  return typeof id === 'string' && id !== '' ? id : null;
};

const MAX_ISSUES = 5;
const MAX_PATH_LENGTH = 100;
/** Rules whose messages never contain the value, including those of our own schemas. */
const WORDED: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value', 'too_small', 'too_big', 'custom']);

/** Names the fields that break a rule, and the rule: paths and rules, never values. Bounded in number and length. */
export function issuesOf({ issues }: z.ZodError): string {
  const told = issues
    .slice(0, MAX_ISSUES)
    .map((issue) => innermost(issue))
    .map(({ path, rule }) => `${pathOf(path)}: ${rule}`);
  return `${told.join('; ')}${issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : ''}`;
}

/** Fields of the item whose values its schema does not have, without the positions in lists. A missing field is none. */
function unknownIn(item: unknown, { issues }: z.ZodError): Pick<UnreadableItem, 'unknownValues' | 'changedTypes'> {
  const told = issues
    .slice(0, MAX_ISSUES)
    .map((issue) => innermost(issue))
    .map(({ path, fault }) => ({ names: namesOf(path), fault: fault && kindOf(fault, valueAt(item, path)) }))
    .filter(({ names }) => names.length > 0);
  const [unknownValues, changedTypes] = (['value', 'type'] as const).map((fault) =>
    told.filter((one) => one.fault === fault).map(({ names }) => names),
  );
  return { ...(unknownValues?.length && { unknownValues }), ...(changedTypes?.length && { changedTypes }) };
}

const namesOf = (path: readonly PropertyKey[]): readonly string[] =>
  path.filter((segment) => typeof segment !== 'number').map(String);

/** Null for a field that is missing. */
function kindOf(fault: 'value' | 'type', value: unknown): 'value' | 'type' | null {
  if (value === undefined || value === '') return null;
  return fault === 'value' && typeof value === 'string' ? 'value' : 'type';
}

const valueAt = (item: unknown, path: readonly PropertyKey[]): unknown =>
  path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key)
        ? (at as Record<PropertyKey, unknown>)[key]
        : undefined,
    item,
  );

type Issue = z.core.$ZodIssue;

interface Innermost {
  readonly path: readonly PropertyKey[];
  readonly rule: string;
  /** The value is none of an enumeration's or names no variant of a union, or is of another type. Null: another rule is broken. */
  readonly fault: 'value' | 'type' | null;
}

const FAULTS: Readonly<Record<string, 'value' | 'type'>> = { invalid_value: 'value', invalid_type: 'type' };

/** For a union, the issue within the variant that was meant: the one that is wrong only in its parts. */
function innermost(issue: Issue): Innermost {
  const { path } = issue;
  if (issue.code !== 'invalid_union') {
    const rule = WORDED.has(issue.code) ? issue.message.replace('Invalid input: ', '') : issue.code;
    return { path, rule, fault: FAULTS[issue.code] ?? null };
  }
  const meant = issue.errors.find((errors) => errors.length > 0 && errors.every((one) => one.path.length > 0))?.[0];
  if (!meant) return { path, rule: 'is of no known shape', fault: issue.errors.length === 0 ? 'value' : 'type' };
  const inner = innermost(meant);
  return { ...inner, path: [...path, ...inner.path] };
}

/** A key that is not a plain word may be personal data. */
function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((segment) => (/^\w{1,40}$/.test(String(segment)) ? String(segment) : '*')).join('.');
  return text === '' ? 'the object' : text.slice(0, MAX_PATH_LENGTH);
}
