import { createHash, randomBytes } from 'node:crypto';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A random id as Stripe makes them: a prefix and letters and digits. */
export function randomId(prefix: string, length: number): string {
  let id = prefix;
  for (const byte of randomBytes(length)) id += DIGITS.charAt(byte % 62);
  return id;
}

/** The same letters and digits for the same text, as long as `length` (at most 32). */
export function derivedId(prefix: string, length: number, text: string): string {
  let id = prefix;
  for (const byte of createHash('sha256').update(text).digest().subarray(0, length)) id += DIGITS.charAt(byte % 62);
  return id;
}

/** `value` (an unsigned 32-bit integer) in exactly `width` digits of base 62. Six hold every value. */
export function base62(value: number, width: number): string {
  let rest = value;
  let digits = '';
  for (let index = 0; index < width; index++) {
    digits = DIGITS.charAt(rest % 62) + digits;
    rest = Math.floor(rest / 62);
  }
  return digits;
}
