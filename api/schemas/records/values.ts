import { z } from 'zod';
import type { Field, FieldMap, ListType, ObjectType, TextType, ValueType, WordType } from '../../../records/field.ts';
import { currency, currencyAnswer, instant, orNull, sourceId, timestamp, uuid } from '../common.ts';

/** The input and answer schemas of a value. */
interface Value {
  readonly input: z.ZodType;
  readonly answer: z.ZodType;
  /** Whether the answer is a named schema of the OpenAPI document. */
  readonly isNamed?: boolean;
}

/** Keeps a record below a megabyte together with its other fields at their largest, whatever its changes add up to. */
const MAX_METADATA_BYTES = 64 * 1_024;

/**
 * Rejects only what cannot be an address: a missing part, white space and control characters outside quotes, a second
 * `@`, an empty domain label. Dots may be anywhere before the `@`, as in addresses of Japanese carriers, and any script
 * is allowed. A provider's further rules are reported when the record is pushed. Without a `u` flag, because the
 * OpenAPI document shows the pattern.
 */
const EMAIL =
  /^(?:[^\s@"\u0000-\u001f\u007f-\u009f]+|"[^"\u0000-\u001f\u007f-\u009f]+")@[^\s@.\u0000-\u001f\u007f-\u009f]+(?:\.[^\s@.\u0000-\u001f\u007f-\u009f]+)*$/;

/**
 * The range that every client can be expected to handle. Without a `u` flag, because the OpenAPI document shows the
 * pattern.
 */
const DECIMAL = /^-?\d{1,18}(\.\d{1,9})?$/;

const decimal = z
  .string('Must be a decimal number in a string, such as "2.5"')
  .regex(DECIMAL, 'Must be a decimal number with at most 18 digits before the point and 9 behind it')
  .meta({ description: 'A decimal number, as a string.', example: '2.5' });

/** Zod's `int` rejects what a JavaScript number cannot hold exactly. */
const amount = z
  .int('Must be a whole number of minor units, such as 1099')
  .meta({ description: 'Money in minor units of `currency`.', example: 1099 });

const made = new WeakMap<ValueType, Value>();

/** The schemas of a value, created once, because a name in the OpenAPI document belongs to one schema. */
function valueOf(value: ValueType): Value {
  const known = made.get(value);
  if (known) return known;
  const schemas = MAKERS[value.type](value as never);
  made.set(value, schemas);
  return schemas;
}

const text = z.string();

const MAKERS: { readonly [Type in ValueType['type']]: (value: Extract<ValueType, { type: Type }>) => Value } = {
  text: (value) => ({ input: textInput(value), answer: text }),
  email: ({ maxLength }) => ({
    input: z
      .string()
      .max(maxLength)
      .regex(EMAIL, 'Must be an email address, such as ada@example.com')
      .meta({ description: 'An email address. Internationalised ones are accepted.', example: 'ada@example.com' }),
    answer: text,
  }),
  url: ({ maxLength }) => ({
    input: z.url({ protocol: /^https?$/, error: 'Must be a URL of http or https' }).max(maxLength),
    answer: text,
  }),
  'source-id': () => ({ input: sourceId, answer: text }),
  'record-id': () => ({ input: uuid, answer: z.uuid() }),
  amount: ({ min }) => ({ input: min === undefined ? amount : amount.min(min), answer: z.int() }),
  decimal: () => ({ input: decimal, answer: text.meta({ description: 'A decimal number, as a string.' }) }),
  currency: () => ({ input: currency, answer: currencyAnswer }),
  boolean: () => ({ input: z.boolean(), answer: z.boolean() }),
  instant: () => ({ input: instant, answer: timestamp }),
  word: wordValue,
  list: listValue,
  object: objectValue,
  'string-map': ({ maxKeys }) => ({ input: stringMap(maxKeys), answer: z.record(z.string(), z.string()) }),
};

function textInput({ minLength, maxLength }: TextType): z.ZodType {
  return minLength === undefined ? text.max(maxLength) : text.min(minLength).max(maxLength);
}

function wordValue({ name, words, description }: WordType): Value {
  const schema = z.enum(words).meta({ id: name, ...(description !== undefined && { description }) });
  return { input: schema, answer: schema };
}

function listValue({ item, maxItems, maxBytes }: ListType): Value {
  const { input, answer } = valueOf(item);
  const list = z.array(input).max(maxItems);
  return {
    input:
      maxBytes === undefined ? list : list.refine(isUpTo(maxBytes), `Must have at most ${maxBytes / 1_024} KB as JSON`),
    answer: z.array(answer),
  };
}

/** Fields left out of an object become null. */
function objectValue({ name, inputName, fields }: ObjectType): Value {
  const input = z.strictObject(
    mapFields(fields, (field) => (field.presence === 'required' ? fieldInput(field) : clearable(field))),
  );
  const nothing = Object.fromEntries(
    Object.entries(fields).map(([key, { presence, fallback = null }]) => [
      key,
      presence === 'required' ? undefined : fallback,
    ]),
  );
  return {
    input: (inputName === null ? input : input.meta({ id: inputName })).transform((given) =>
      Object.fromEntries(Object.keys(fields).map((key) => [key, given[key] ?? nothing[key]])),
    ),
    answer: z.object(mapFields(fields, fieldAnswer)).meta({ id: name }),
    isNamed: true,
  };
}

function stringMap(maxKeys: number): z.ZodType {
  return z
    .record(z.string().min(1).max(100), z.string().max(5_000))
    .refine((entries) => Object.keys(entries).length <= maxKeys, `Must have at most ${maxKeys} keys`)
    .refine(isUpTo(MAX_METADATA_BYTES), 'Must have at most 64 KB as JSON')
    .meta({
      description: `At most ${maxKeys} keys of 1–100 characters; values are strings of at most 5,000; at most 64 KB together, as JSON.`,
    });
}

/** Limits a value whose parts are each limited but could be megabytes together. */
const isUpTo =
  (maxBytes: number) =>
  (value: unknown): boolean =>
    Buffer.byteLength(JSON.stringify(value)) <= maxBytes;

/** The input schema of a field that is present and not null. */
export function fieldInput({ value, description, example }: Field): z.ZodType {
  const { input } = valueOf(value);
  if (description === undefined && example === undefined) return input;
  return input.meta({ ...(description !== undefined && { description }), ...(example !== undefined && { example }) });
}

/** Like `fieldInput`, for a field that may be omitted or cleared with null. */
export const clearable = (field: Field): z.ZodType => fieldInput(field).nullable().optional();

/** The answer schema of a field. */
export function fieldAnswer({ value, presence }: Field): z.ZodType {
  const { answer, isNamed = false } = valueOf(value);
  if (presence !== 'optional') return answer;
  return isNamed ? orNull(answer) : answer.nullable();
}

/** The schema of a query parameter that filters by a field. */
export function filterInput({ value }: Field): z.ZodType {
  // Rejects an empty text, which in a query is usually a mistake.
  return value.type === 'text'
    ? textInput({ ...value, minLength: Math.max(1, value.minLength ?? 0) })
    : valueOf(value).input;
}

/** The schema of an enumeration, for queries and for answers other than records. */
export const wordSchema = <const Type extends WordType>(type: Type) =>
  valueOf(type).input as z.ZodEnum<{ readonly [Word in Type['words'][number]]: Word }>;

export const mapFields = (fields: FieldMap, change: (field: Field) => z.ZodType): Record<string, z.ZodType> =>
  Object.fromEntries(Object.entries(fields).map(([name, field]) => [name, change(field)]));
