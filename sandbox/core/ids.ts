import { createHash, randomBytes } from 'node:crypto';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A random id in Stripe's form: a prefix, then letters and digits. */
export function randomId(prefix: string, length: number): string {
  let id = prefix;
  for (const byte of randomBytes(length)) id += DIGITS.charAt(byte % 62);
  return id;
}

/** An id derived from `text`: the same text always gives the same `length` letters and digits (at most 32). */
export function derivedId(prefix: string, length: number, text: string): string {
  let id = prefix;
  for (const byte of createHash('sha256').update(text).digest().subarray(0, length)) id += DIGITS.charAt(byte % 62);
  return id;
}

/** `value` (an unsigned 32-bit integer) as exactly `width` digits of base 62. Six digits hold every value. */
export function base62(value: number, width: number): string {
  let rest = value;
  let digits = '';
  for (let index = 0; index < width; index++) {
    digits = DIGITS.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}
