import { z } from 'zod';
import { minorDigitsOf } from '../domain/reference/currencies.ts';

/** A number as the transport gives it: its digits. An exponent, which no provider that sends decimals writes, is refused. */
export const decimalText = z.string().regex(/^-?\d{1,15}(\.\d{1,12})?$/, 'expected a decimal number');

/**
 * An amount in the currency's smallest unit, converted digit by digit; null for a fraction of that unit, an unknown
 * currency, or a text that is no plain decimal number.
 */
export function minorOf(decimal: string, currency: string): number | null {
  const digits = minorDigitsOf(currency);
  const parts = /^(-?)(\d+)(?:\.(\d*?)0*)?$/.exec(decimal);
  if (digits === null || parts === null) return null;
  const [, sign = '', whole = '', fraction = ''] = parts;
  if (fraction.length > digits) return null;
  const minor = Number(`${whole}${fraction.padEnd(digits, '0')}`);
  if (!Number.isSafeInteger(minor)) return null;
  return sign === '-' && minor !== 0 ? -minor : minor;
}

/** An amount in the currency's main unit. */
export function decimalOf(minor: number, currency: string): string {
  const digits = minorDigitsOf(currency) ?? 0;
  const text = String(Math.abs(minor)).padStart(digits + 1, '0');
  const sign = minor < 0 ? '-' : '';
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}

/** A number in a body that keeps its digits (https://tc39.es/proposal-json-parse-with-source/, in Node 24). */
export const numberOf = (decimal: string): unknown =>
  (JSON as unknown as { readonly rawJSON: (text: string) => unknown }).rawJSON(decimal);
