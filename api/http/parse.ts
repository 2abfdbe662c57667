import type { z } from 'zod';
import { ApiError } from '../errors/api-error.ts';
import type { FieldError } from '../errors/api-error.ts';
import { ErrorList } from '../errors/error-list.ts';
import { findHazards, hasHazard, MAX_VALUES, showKey, UNKNOWN_FIELD } from './json.ts';

/** `omitted`: the number of errors that did not fit into `errors`. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly errors: readonly FieldError[]; readonly omitted: number };

type ValuesOf<Parts extends readonly Parsed<unknown>[]> = {
  [Index in keyof Parts]: Parts[Index] extends Parsed<infer Value> ? Value : never;
};

/** Validates input. Names every wrong field at once, as far as an answer has room, and never a value. */
export function check<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  const errors = new ErrorList();
  // Paths cost more than the search, and most input needs none.
  if (hasHazard(input)) findHazards(input, errors);
  return checkWith(schema, input, errors);
}

/** The members of an object that was sent, whatever they hold. */
export type Sent = Readonly<Record<string, unknown>>;

export const isSent = (input: unknown): input is Sent =>
  typeof input === 'object' && input !== null && !Array.isArray(input);

/**
 * Like `check`, but does not say what is wrong, because nobody has room for more errors. Naming the errors of a small
 * record takes ten times as long as stopping at the first.
 */
export function checkUnnamed<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  if (hasHazard(input) || !schema.validate(input)) return UNNAMED;
  return checkWith(schema, input, new ErrorList());
}

const UNNAMED: Parsed<never> = { ok: false, errors: [], omitted: 0 };

/** Like `check`, for a value whose parts are checked one by one later, so that nested values are skipped. */
export function checkOutside<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  return checkWith(schema, input, new ErrorList());
}

function checkWith<T>(schema: z.ZodType<T>, input: unknown, errors: ErrorList): Parsed<T> {
  if (isLarge(input) && !schema.validate(input)) return refused(errors, firstIssues(schema, input));
  const result = schema.safeParse(input);
  if (!result.success) return refused(errors, result.error.issues);
  return errors.kept.length === 0 ? { ok: true, value: result.data } : refused(errors, []);
}

function refused(errors: ErrorList, issues: readonly z.core.$ZodIssue[]): Parsed<never> {
  for (const issue of issues) errors.addAll(toFieldErrors(issue));
  return { ok: false, errors: errors.kept, omitted: errors.omitted };
}

/** Naming the errors of as many values takes a few milliseconds, in which nothing else runs. */
const LARGE_VALUES = 1_000;

export function isLarge(input: unknown): boolean {
  let left = LARGE_VALUES;
  const count = (value: unknown): void => {
    left -= 1;
    if (typeof value !== 'object' || value === null) return;
    for (const item of Array.isArray(value) ? value : Object.values(value)) if (left > 0) count(item);
  };
  count(input);
  return left <= 0;
}

const FIRST_ITEMS = 500;

/**
 * The issues of the first items of its lists, or of twice as many while these have none. All issues of a list of
 * thousands would take a tenth of a second, and no answer has room for them.
 */
function firstIssues<T>(schema: z.ZodType<T>, input: unknown): readonly z.core.$ZodIssue[] {
  for (let items = FIRST_ITEMS; items < MAX_VALUES; items *= 2) {
    const result = schema.safeParse(withFirstItems(input, items));
    if (!result.success) return result.error.issues;
  }
  return schema.safeParse(input).error?.issues ?? [];
}

/** The value with its lists cut. */
function withFirstItems(value: unknown, items: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.slice(0, items).map((item) => withFirstItems(item, items));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withFirstItems(item, items)]));
}

/** The values when all parts are valid. Otherwise throws `invalid-request` with every error of every part. */
export function allOf<const Parts extends readonly Parsed<unknown>[]>(...parts: Parts): ValuesOf<Parts> {
  const errors = new ErrorList();
  for (const part of parts) if (!part.ok) errors.addAll(part.errors, part.omitted);
  if (errors.kept.length > 0) throw refusal(errors);
  return parts.map((part) => (part.ok ? part.value : undefined)) as ValuesOf<Parts>;
}

export function invalidRequest(errors: readonly FieldError[]): ApiError {
  const list = new ErrorList();
  list.addAll(errors);
  return refusal(list);
}

function refusal({ kept, omitted }: ErrorList): ApiError {
  const [first] = kept;
  const rest = kept.length - 1 + omitted;
  const place = first && first.path !== '' ? `${first.path}: ` : '';
  return new ApiError(
    'invalid-request',
    `${place}${first?.message ?? 'Not valid'}${rest > 0 ? `, and ${rest} more` : ''}.`,
    { errors: kept, errorsOmitted: omitted },
  );
}

function* toFieldErrors(issue: z.core.$ZodIssue): Generator<FieldError> {
  const path = issue.path.map((part) => showKey(String(part)));
  if (issue.code !== 'unrecognized_keys') yield { path: path.join('.'), message: messageOf(issue) };
  else for (const key of issue.keys) yield { path: [...path, showKey(key)].join('.'), message: UNKNOWN_FIELD };
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return 'Required';
  return issue.message.replace(/^Invalid input: e/, 'E');
}
