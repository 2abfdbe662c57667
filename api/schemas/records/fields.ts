import { z } from 'zod';

/** What fields of several resources have in common. */
export const text = z.string().nullable();

/** Together with the largest of the other fields a record stays below a megabyte, whatever its changes add up to. */
const MAX_METADATA_BYTES = 64 * 1_024;

/** Of all lines of a record together. */
export const MAX_LINES_BYTES = 750 * 1_024;

/** For a field whose parts are bounded one by one, and together could be megabytes. */
export const isUpTo =
  (maxBytes: number) =>
  (value: unknown): boolean =>
    Buffer.byteLength(JSON.stringify(value)) <= maxBytes;

const metadataUpTo = (maxKeys: number) =>
  z
    .record(z.string().min(1).max(100), z.string().max(5_000))
    .refine((entries) => Object.keys(entries).length <= maxKeys, `Must have at most ${maxKeys} keys`)
    .refine(isUpTo(MAX_METADATA_BYTES), 'Must have at most 64 KB as JSON')
    .meta({
      description: `At most ${maxKeys} keys of 1–100 characters; values are strings of at most 5,000; at most 64 KB together, as JSON.`,
    });

export const metadata = metadataUpTo(50);

/** Beside what was given to a transaction, a pull keeps facts of the provider's in its metadata. */
export const transactionMetadata = metadataUpTo(100);

export const metadataAnswer = z.record(z.string(), z.string());

/**
 * Refuses only what cannot be an address: a part that is missing, white space and control characters outside quotes, a second `@`, an empty
 * label in the domain. Dots may stand anywhere before the `@`, as in addresses of Japanese carriers, and any script is allowed. What a
 * provider refuses beyond that is told of the record when it is pushed. Without a `u` flag, because the pattern is printed in the OpenAPI document.
 */
const EMAIL =
  /^(?:[^\s@"\u0000-\u001f\u007f-\u009f]+|"[^"\u0000-\u001f\u007f-\u009f]+")@[^\s@.\u0000-\u001f\u007f-\u009f]+(?:\.[^\s@.\u0000-\u001f\u007f-\u009f]+)*$/;

export const email = z
  .string()
  .max(512)
  .regex(EMAIL, 'Must be an email address, such as ada@example.com')
  .meta({ description: 'An email address. Internationalised ones are accepted.', example: 'ada@example.com' });

/** Zod’s `int` refuses what a JavaScript number cannot hold exactly. */
export const amountMinor = z
  .int('Must be a whole number of minor units, such as 1099')
  .meta({ description: 'Money in minor units of `currency`.', example: 1099 });

/** As far as every reader of it can be expected to go; without a `u` flag, because the pattern is printed in the OpenAPI document. */
const DECIMAL = /^-?\d{1,18}(\.\d{1,9})?$/;

export const decimal = z
  .string('Must be a decimal number in a string, such as "2.5"')
  .regex(DECIMAL, 'Must be a decimal number with at most 18 digits before the point and 9 behind it')
  .meta({ description: 'A decimal number, as a string.', example: '2.5' });
