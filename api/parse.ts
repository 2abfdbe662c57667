import type { z } from 'zod';
import { ApiError } from './api-error.ts';
import type { FieldError } from './api-error.ts';
import { findHazards, showKey, UNKNOWN_FIELD } from './json.ts';

export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly errors: readonly FieldError[] };

type ValuesOf<Parts extends readonly Parsed<unknown>[]> = { [Index in keyof Parts]: Parts[Index] extends Parsed<infer Value> ? Value : never };

/** Checks what a caller sent against what the schema promises; names every wrong field at once, never a value. */
export function check<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  return checkWith(schema, input, findHazards(input));
}

/** As `check`, for a value whose parts are checked one by one later: what is deep inside is not looked at. */
export function checkOutside<T>(schema: z.ZodType<T>, input: unknown): Parsed<T> {
  return checkWith(schema, input, []);
}

function checkWith<T>(schema: z.ZodType<T>, input: unknown, hazards: readonly FieldError[]): Parsed<T> {
  const result = schema.safeParse(input);
  if (result.success && hazards.length === 0) return { ok: true, value: result.data };
  return { ok: false, errors: distinct([...hazards, ...(result.error?.issues ?? []).flatMap(toFieldErrors)]) };
}

/** The values of parts that are all good. Throws `invalid-request` with every error of every part otherwise. */
export function allOf<const Parts extends readonly Parsed<unknown>[]>(...parts: Parts): ValuesOf<Parts> {
  const errors = parts.flatMap((part) => (part.ok ? [] : part.errors));
  if (errors.length > 0) throw invalidRequest(errors);
  return parts.map((part) => (part.ok ? part.value : undefined)) as ValuesOf<Parts>;
}

export function invalidRequest(errors: readonly FieldError[]): ApiError {
  const [first] = errors;
  const rest = errors.length - 1;
  const place = first && first.path !== '' ? `${first.path}: ` : '';
  return new ApiError('invalid-request', `${place}${first?.message ?? 'Not valid'}${rest > 0 ? `, and ${rest} more` : ''}.`, { errors });
}

function toFieldErrors(issue: z.core.$ZodIssue): FieldError[] {
  const path = issue.path.map((part) => showKey(String(part)));
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ path: [...path, showKey(key)].join('.'), message: UNKNOWN_FIELD }));
  return [{ path: path.join('.'), message: messageOf(issue) }];
}

function messageOf(issue: z.core.$ZodIssue): string {
  if (issue.code === 'invalid_type' && issue.message.endsWith('received undefined')) return 'Required';
  return issue.message.replace(/^Invalid input: e/, 'E');
}

function distinct(errors: readonly FieldError[]): FieldError[] {
  const seen = new Set<string>();
  return errors.filter(({ path, message }) => {
    const key = `${path}\n${message}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}
