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

/** A decimal number in its shortest form; null for a text that is none. */
export function plainDecimal(text: string): string | null {
  const [, sign = '', whole, fraction = ''] = /^(-?)0*(\d+)(?:\.(\d*?)0*)?$/.exec(text) ?? [];
  if (whole === undefined) return null;
  const plain = fraction === '' ? whole : `${whole}.${fraction}`;
  return plain === '0' ? plain : `${sign}${plain}`;
}

/**
 * How many pieces at a price come to, in the currency's smallest unit and rounded half away from zero; null for what is no
 * plain decimal number.
 */
export function timesMinor(quantity: string, price: string, currency: string): number | null {
  const digits = minorDigitsOf(currency);
  const [one, other] = [plainDecimal(quantity), plainDecimal(price)];
  if (digits === null || one === null || other === null) return null;
  const scaleOf = (decimal: string) => decimal.split('.')[1]?.length ?? 0;
  const product = BigInt(one.replace('.', '')) * BigInt(other.replace('.', ''));
  const excess = scaleOf(one) + scaleOf(other) - digits;
  const size = product < 0n ? -product : product;
  const unit = 10n ** BigInt(Math.abs(excess));
  const rounded = excess > 0 ? (size + unit / 2n) / unit : size * unit;
  const minor = Number(rounded);
  if (!Number.isSafeInteger(minor)) return null;
  return product < 0n && minor !== 0 ? -minor : minor;
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
