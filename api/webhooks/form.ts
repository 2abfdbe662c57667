import { ApiError } from '../errors/api-error.ts';

const UTF8 = new TextDecoder('utf-8', { fatal: true });

/** The most fields that a form may have, because each takes memory once it is parsed. */
const MAX_FIELDS = 1_000;

/**
 * Decodes an `application/x-www-form-urlencoded` body (https://url.spec.whatwg.org/#urlencoded-parsing, read
 * 2026-11-28). Names stay as they are, brackets included. The last of several values counts. Throws ApiError
 * `invalid-encoding` or `too-many-values`.
 */
export function decodeForm(bytes: Uint8Array): Readonly<Record<string, string>> {
  let text: string;
  try {
    text = UTF8.decode(bytes);
  } catch (error) {
    throw new ApiError('invalid-encoding', 'The body is not valid UTF-8.', { cause: error });
  }
  // Counted before they are parsed, which takes memory for each.
  if (text.split('&', MAX_FIELDS + 1).length > MAX_FIELDS)
    throw new ApiError('too-many-values', `The body holds more than ${MAX_FIELDS} fields.`);
  // From entries, so that a field named `__proto__` is a field.
  return Object.fromEntries(new URLSearchParams(text));
}
