import { z } from 'zod';
import { minorDigitsOf } from '../../domain/reference/currencies.ts';

const DIGITS = /^\d{1,9}$/;

const FIRST_INSTANT = new Date('0001-01-01T00:00:00Z');
const LAST_INSTANT = new Date('9999-12-31T23:59:59.999Z');

/** No control characters. Without a `u` flag, because the OpenAPI document shows the pattern. */
const NO_CONTROL = /^[^\u0000-\u001f\u007f-\u009f]*$/;

export const sourceId = z
  .string()
  .min(1)
  .max(255)
  .regex(NO_CONTROL, 'Must not contain control characters')
  .meta({ description: 'The venue’s own key: 1–255 characters.', example: 'ALFKI' });

export const uuid = z.uuid().transform((id) => id.toLowerCase());

/** An integer in a query. */
const whole = (min: number, max: number) =>
  z.preprocess(
    (value) => (typeof value === 'string' && DIGITS.test(value) ? Number(value) : value),
    z.int(`Must be a whole number from ${min} to ${max}`).min(min).max(max),
  );

/** `true` or `false` in a query. */
export const flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((value) => value === 'true');

export const paging = {
  limit: whole(1, 200).default(50).meta({ description: 'Most items on a page.' }),
  cursor: z.string().min(1).max(500).optional().meta({ description: '`nextCursor` of the page before.' }),
};

/** Limited to four-digit years in any offset, because Postgres and JavaScript write others differently. */
export const instant = z.iso
  .datetime({ offset: true, error: 'Must be a time in ISO 8601 with an offset, such as 2026-11-21T10:15:00Z' })
  .transform((text) => new Date(text))
  .refine((time) => time >= FIRST_INSTANT && time <= LAST_INSTANT, 'Must be in the years 0001 to 9999');

/** Far from where calendars begin and end. */
export const day = z.iso
  .date({ error: 'Must be a day, such as 2026-11-21', abort: true })
  .refine((text) => text >= '1000-01-01' && text <= '9998-12-31', 'Must be in the years 1000 to 9998');

/** The pattern repeats what the set enforces, for readers of the OpenAPI document. */
const CURRENCY_RULE = 'Must be an ISO 4217 code in capitals, such as EUR';

export const currency = z
  .string()
  .regex(/^[A-Z]{3}$/, CURRENCY_RULE)
  .refine((code) => minorDigitsOf(code) !== null, CURRENCY_RULE)
  .meta({ description: 'ISO 4217 code.', example: 'EUR' });

// Answers use `z.object`, because fields may be added to them.

/** A named schema or null. `.nullable()` would make the shared schema itself nullable in the OpenAPI document. */
export const orNull = <T extends z.ZodType>(schema: T) => z.union([schema, z.null()]);

export const timestamp = z.iso.datetime().meta({ example: '2026-11-21T10:15:00.000Z' });

export const currencyAnswer = z.string().meta({ description: 'ISO 4217 code.', example: 'EUR' });

/** `name` is the item's name in the OpenAPI document. */
export const pageOf = <Item extends z.ZodType>(name: string, item: Item) =>
  z
    .object({
      data: z.array(item),
      nextCursor: z.string().nullable().meta({ description: 'Where the next page begins; null on the last one.' }),
    })
    .meta({ id: `${name}Page` });

export const fieldError = z
  .object({
    path: z.string().meta({
      description: 'The field, as in `records.3.amountMinor`; the name of a query parameter or header.',
      example: 'timeZone',
    }),
    message: z.string(),
  })
  .meta({ id: 'FieldError' });

export const problem = z
  .object({
    type: z.string().meta({ description: 'Where the code is explained.' }),
    title: z.string(),
    status: z.int(),
    code: z.string().meta({ description: 'Stable; `docs/errors` lists every one.' }),
    detail: z.string(),
    requestId: z.string(),
    errors: z
      .array(fieldError)
      .optional()
      .meta({ description: 'Of `invalid-request`: every wrong field at once, at most 1,000 and 64 KB.' }),
    errorsOmitted: z.int().optional().meta({
      description: 'How many errors there are besides `errors`; at least as many, since nobody looks further.',
    }),
  })
  .meta({ id: 'Problem', description: 'Problem details, RFC 9457.' });
