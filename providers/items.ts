import type { z } from 'zod';
import { ProviderError } from './provider-error.ts';
import type { ProviderRejection } from './provider.ts';

/** The items of a list, each read by itself: one that cannot be read holds no other up. */
export interface ReadItems<Item> {
  readonly items: readonly Item[];
  readonly unreadable: readonly UnreadableItem[];
}

export interface UnreadableItem {
  /** As it came. */
  readonly raw: unknown;
  /** The provider's id of the record that it tells of; null where it has none. */
  readonly externalId: string | null;
  /** As `issuesOf` tells them. */
  readonly issues: string;
}

/** `idOf` reads the provider's id of the record that an item tells of, from an item of any shape; null where there is none. */
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
    else unreadable.push({ raw: item, externalId: idOf(item), issues: issuesOf(error) });
  }
  return { items, unreadable };
}

/** What a run's log says of an object that cannot be read. */
export function unreadableRejection({ externalId, issues }: Omit<UnreadableItem, 'raw'>): ProviderRejection {
  return { externalId, code: 'unreadable', message: `The provider’s object cannot be read: ${issues}.` };
}

/** What is wrong with the one object whose answer this error is about; null for any other error. */
export const unreadableIssuesOf = (error: unknown): string | null =>
  error instanceof ProviderError ? (error.details.unreadable ?? null) : null;

/** Rejects the object that this error is about. Throws an error that is no matter of one object. */
export function rejectionOf(externalId: string, error: unknown): ProviderRejection {
  const issues = unreadableIssuesOf(error);
  if (issues === null) throw error;
  return unreadableRejection({ externalId, issues });
}

/** The text at the end of a path of keys, in a value of any shape. */
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
/** Rules that zod words without the value, and those of our own schemas. */
const WORDED: ReadonlySet<string> = new Set(['invalid_type', 'invalid_value', 'too_small', 'too_big', 'custom']);

/** Which fields are not as they have to be, and what they would have to be: paths and rules, never values. Bounded in number and length. */
export function issuesOf({ issues }: z.ZodError): string {
  const told = issues
    .slice(0, MAX_ISSUES)
    .map((issue) => innermost(issue))
    .map(({ path, rule }) => `${pathOf(path)}: ${rule}`);
  return `${told.join('; ')}${issues.length > MAX_ISSUES ? `; and ${issues.length - MAX_ISSUES} more` : ''}`;
}

type Issue = z.core.$ZodIssue;

/** Of a choice of shapes, the issue with the one that was meant: the shape that is wrong in its parts only. */
function innermost(issue: Issue): { readonly path: readonly PropertyKey[]; readonly rule: string } {
  if (issue.code !== 'invalid_union')
    return {
      path: issue.path,
      rule: WORDED.has(issue.code) ? issue.message.replace('Invalid input: ', '') : issue.code,
    };
  const meant = issue.errors.find((errors) => errors.length > 0 && errors.every(({ path }) => path.length > 0))?.[0];
  if (!meant) return { path: issue.path, rule: 'is of no known shape' };
  const { path, rule } = innermost(meant);
  return { path: [...issue.path, ...path], rule };
}

/** A key that is no plain word may be somebody's data. */
function pathOf(path: readonly PropertyKey[]): string {
  const text = path.map((segment) => (/^\w{1,40}$/.test(String(segment)) ? String(segment) : '*')).join('.');
  return text === '' ? 'the object' : text.slice(0, MAX_PATH_LENGTH);
}
