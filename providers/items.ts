import type { z } from 'zod';
import { ProviderError } from './provider-error.ts';
import type { ProviderRejection } from './provider.ts';

/** The items of a list, each parsed on its own so that an unreadable one does not stop the rest. */
export interface ReadItems<Item> {
  readonly items: readonly Item[];
  readonly unreadable: readonly UnreadableItem[];
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
    else {
      const unknownValues = unknownValuesIn(item, error);
      const told = { raw: item, externalId: idOf(item), issues: issuesOf(error) };
      unreadable.push(unknownValues.length > 0 ? { ...told, unknownValues } : told);
    }
  }
  return { items, unreadable };
}

/** The entry in a run's log for an unreadable object. */
export function unreadableRejection({
  externalId,
  issues,
  unknownValues,
}: Omit<UnreadableItem, 'raw'>): ProviderRejection {
  const message = `The provider’s object cannot be read: ${issues}.`;
  return { externalId, code: 'unreadable', message, ...(unknownValues && { unknownValues }) };
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
  const found = path.reduce<unknown>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key)
        ? (at as Readonly<Record<string, unknown>>)[key]
        : undefined,
    value,
  );
  return typeof found === 'string' && found !== '' ? found : null;
}

export const idIn = (item: unknown): string | null => textAt(item, 'id');

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

/** Fields of the item that have a text which is none of an enumeration's, without the positions in lists. */
function unknownValuesIn(item: unknown, { issues }: z.ZodError): readonly (readonly string[])[] {
  return issues
    .slice(0, MAX_ISSUES)
    .map((issue) => innermost(issue))
    .filter(({ path, isUnknownValue }) => isUnknownValue && textAt(item, ...path.map(String)) !== null)
    .map(({ path }) => path.filter((segment) => typeof segment !== 'number').map(String))
    .filter((names) => names.length > 0);
}

type Issue = z.core.$ZodIssue;

interface Innermost {
  readonly path: readonly PropertyKey[];
  readonly rule: string;
  /** The value is none of an enumeration's, or names no variant of a union. */
  readonly isUnknownValue: boolean;
}

/** For a union, the issue within the variant that was meant: the one that is wrong only in its parts. */
function innermost(issue: Issue): Innermost {
  const { path } = issue;
  if (issue.code !== 'invalid_union') {
    const rule = WORDED.has(issue.code) ? issue.message.replace('Invalid input: ', '') : issue.code;
    return { path, rule, isUnknownValue: issue.code === 'invalid_value' };
  }
  const meant = issue.errors.find((errors) => errors.length > 0 && errors.every((one) => one.path.length > 0))?.[0];
  if (!meant) return { path, rule: 'is of no known shape', isUnknownValue: issue.errors.length === 0 };
  const inner = innermost(meant);
  return { ...inner, path: [...path, ...inner.path] };
}

/** A key that is not a plain word may be personal data. */
function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((segment) => (/^\w{1,40}$/.test(String(segment)) ? String(segment) : '*')).join('.');
  return text === '' ? 'the object' : text.slice(0, MAX_PATH_LENGTH);
}
