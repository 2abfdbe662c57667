import { z } from 'zod';

/** What fields of several resources have in common. */
export const text = z.string().nullable();

export const metadata = z
  .record(z.string().min(1).max(100), z.string().max(5_000))
  .refine((entries) => Object.keys(entries).length <= 50, 'Must have at most 50 keys')
  .meta({ description: 'At most 50 keys of 1–100 characters; values are strings of at most 5,000.' });

export const metadataAnswer = z.record(z.string(), z.string());

/** Zod’s `int` refuses what a JavaScript number cannot hold exactly. */
export const amountMinor = z.int('Must be a whole number of minor units, such as 1099').meta({ description: 'Money in minor units of `currency`.', example: 1099 });

/** As far as every reader of it can be expected to go; without a `u` flag, because the pattern is printed in the OpenAPI document. */
const DECIMAL = /^-?\d{1,18}(\.\d{1,9})?$/;

export const decimal = z
  .string('Must be a decimal number in a string, such as "2.5"')
  .regex(DECIMAL, 'Must be a decimal number with at most 18 digits before the point and 9 behind it')
  .meta({ description: 'A decimal number, as a string.', example: '2.5' });
