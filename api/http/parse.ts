import type { z } from 'zod';
import { ApiError } from '../errors/api-error.ts';
import type { FieldError } from '../errors/api-error.ts';
import { ErrorList } from '../errors/error-list.ts';
import { findHazards, showKey, UNKNOWN_FIELD } from './json.ts';

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
  findHazards(input, errors);
  return checkWith(schema, input, errors);
}

/** Like `check`, for a value whose parts are checked one by one later, so that nested values are skipped. */
export function checkOutside<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  return checkWith(schema, input, new ErrorList());
}

function checkWith<T>(schema: z.ZodType<T>, input: unknown, errors: ErrorList): Parsed<T> {
  const result = schema.safeParse(input);
  for (const issue of result.error?.issues ?? []) errors.addAll(toFieldErrors(issue));
  if (result.success && errors.kept.length === 0) return { ok: true, value: result.data };
  return { ok: false, errors: errors.kept, omitted: errors.omitted };
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
