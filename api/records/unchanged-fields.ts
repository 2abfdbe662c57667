import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import { check } from '../http/parse.ts';
import type { Parsed } from '../http/parse.ts';

/**
 * Like `check`, but accepts every field that is sent back as it was read, because a pull may store what no caller can
 * send. `readShown` returns the stored object as answers show it, or null; it is called only when `input` is invalid by
 * itself. `fields` are the writable ones; unchanged others are dropped.
 */
export async function checkChanged<T>(
  schema: z.ZodType<T>,
  input: unknown,
  { readShown, fields }: { readonly readShown: () => Promise<object | null>; readonly fields: readonly string[] },
): Promise<Parsed<T>> {
  const whole = check(schema, input);
  if (whole.ok || typeof input !== 'object' || input === null || Array.isArray(input)) return whole;
  const shown = await readShown();
  return shown === null ? whole : (checkAgainst(schema, input, { shown, fields }) ?? whole);
}

/** Like `checkChanged`, for an input that is invalid by itself. Null when no field of it equals `shown`. */
export function checkAgainst<T>(
  schema: z.ZodType<T>,
  input: object,
  { shown, fields }: { readonly shown: object; readonly fields: readonly string[] },
): Parsed<T> | null {
  const stored: Readonly<Record<string, unknown>> = { ...shown };
  const isUnchanged = ([name, value]: [string, unknown]) =>
    Object.hasOwn(stored, name) && isDeepStrictEqual(value, stored[name]);
  const entries = Object.entries(input) as [string, unknown][];
  const unchanged = entries.filter(isUnchanged);
  if (unchanged.length === 0) return null;
  const changed = Object.fromEntries(entries.filter((entry) => !isUnchanged(entry)));
  const rest = check(
    without(
      schema,
      unchanged.map(([name]) => name),
    ),
    changed,
  );
  return rest.ok
    ? {
        ok: true,
        value: { ...rest.value, ...Object.fromEntries(unchanged.filter(([name]) => fields.includes(name))) } as T,
      }
    : rest;
}

/** The schema of a strict object without some of its fields. */
function without<T>(schema: z.ZodType<T>, names: readonly string[]): z.ZodType<object> {
  const { shape } = schema as unknown as z.ZodObject;
  return z.strictObject(Object.fromEntries(Object.entries(shape).filter(([name]) => !names.includes(name))));
}
