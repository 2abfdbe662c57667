import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { RecordId, VenueId } from '../../contracts/ids.ts';
import type { RecordStore } from '../../db/records/record-store.ts';
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

/** Like `checkChanged`, for a change of one record. Its `sourceId` may be sent back, is not changed, and left out of the value. */
export async function checkRecordChanges<T extends object>(
  schema: z.ZodType<T>,
  input: unknown,
  { store, ref, fields }: ChangedRecord,
): Promise<Parsed<T>> {
  let read: ReturnType<ChangedRecord['store']['find']> | null = null;
  const readShown = () => (read ??= store.find(ref.venueId, ref.id));
  const parsed = await checkChanged(schema, input, { readShown, fields: ['sourceId', ...fields] });
  const { sourceId } = sentBack.safeParse(input).data ?? {};
  if (sourceId === undefined) return parsed;
  const stored = await readShown();
  const { errors, omitted } = parsed.ok ? { errors: [], omitted: 0 } : parsed;
  if (stored !== null && stored.sourceId !== sourceId && !errors.some(({ path }) => path === 'sourceId'))
    return { ok: false, errors: [...errors, { path: 'sourceId', message: 'Cannot be changed' }], omitted };
  if (!parsed.ok) return parsed;
  const changes = Object.entries(parsed.value).filter(([name]) => name !== 'sourceId');
  return { ok: true, value: Object.fromEntries(changes) as T };
}

const sentBack = z.object({ sourceId: z.string() });

interface ChangedRecord {
  readonly store: Pick<RecordStore, 'find'>;
  readonly ref: { readonly venueId: VenueId; readonly id: RecordId };
  /** The writable ones. */
  readonly fields: readonly string[];
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
