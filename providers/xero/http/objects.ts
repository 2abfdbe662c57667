import { z } from 'zod';
import type { ProviderRecord } from '../../provider.ts';

/** Null when it is missing. */
export const orNull = <Schema extends z.ZodType>(schema: Schema) =>
  schema.nullish().transform((value) => (value ?? null) as z.output<Schema> | null);

/** A part of an object whose properties may all be missing; so may the part. */
export const partOf = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.preprocess((value) => value ?? {}, z.object(shape));

export const listOf = <Schema extends z.ZodType>(schema: Schema) =>
  z
    .array(schema)
    .nullish()
    .transform((value) => (value ?? []) as readonly z.output<Schema>[]);

export const guid = z.string().regex(/^[\da-f-]{36}$/i, 'expected a GUID');

const WIRE_DATE = /^\/Date\((-?\d{1,15})(?:[+-]\d{4})?\)\/$/;

/**
 * A time as Xero writes it, in milliseconds since 1970 in UTC; the offset behind it says nothing more
 * (https://developer.xero.com/documentation/api/accounting/requests-and-responses, read 2026-11-29). JavaScript’s own
 * `Date` reads none of them.
 */
export const wireTime = z
  .string()
  .regex(WIRE_DATE, 'expected a date of Xero')
  .transform((text) => Number(WIRE_DATE.exec(text)?.[1]));

/** A day of the organisation as its first instant in UTC. */
export const instantOf = (dayMs: number): string => new Date(dayMs).toISOString();

/** Only what has a value: metadata says nothing of what is empty. */
export const withoutEmpty = (values: Readonly<Record<string, string | null>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => Boolean(entry[1])));

/** Metadata that is made of other facts of Xero’s begins so. */
export const XERO_METADATA = { prefix: 'xero_' } as const;

/** A record that is out of use at Xero and counts as deleted. */
export const toDeletion = (externalId: string, changedAtMs: number): ProviderRecord => ({
  ...{ externalId, version: changedAtMs, deleted: true, deletedAtMs: changedAtMs, changedAtMs },
  ...{ recordId: null, fields: null },
});
