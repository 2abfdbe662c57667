import { minorDigitsOf } from '../../../domain/reference/currencies.ts';

/** Quantities and unit amounts have four decimals (https://developer.xero.com/documentation/api/accounting/invoices, read 2026-11-29). */
const PLACES = 4;
/** Xero rounds an amount to two decimals in every currency, also in one that has none. */
const ROUNDED_TO = 2;
const ONE = 10n ** BigInt(PLACES);

/** How many, at which price, as Xero multiplies it. */
export interface Pricing {
  readonly quantity: string;
  readonly unitAmount: string;
}

/**
 * A quantity and a unit amount whose product is the amount of the line, because Xero refuses a line for which it is not.
 * Null where nothing is counted or priced.
 */
export function pricingOf(
  { quantity, unitAmount }: { readonly quantity: string | null; readonly unitAmount: string | null },
  amountMinor: number,
  currency: string,
): Pricing | null {
  if (quantity === null && unitAmount === null && amountMinor === 0) return null;
  const amount = amountOf(amountMinor, minorDigitsOf(currency) ?? ROUNDED_TO);
  const count = scaled(quantity ?? '1');
  const unit = count === null ? null : unitOf(unitAmount, count, amount);
  return count === null || unit === null
    ? { quantity: '1', unitAmount: textOf(amount.minor * 10n ** BigInt(PLACES - amount.digits)) }
    : { quantity: textOf(count), unitAmount: textOf(unit) };
}

/** The given unit amount where it makes the amount of the line, else one that does; null where none of four decimals does. */
function unitOf(given: string | null, count: bigint, amount: Amount): bigint | null {
  const units = [given === null ? null : scaled(given), unitFor(amount, count)];
  return units.find((unit) => unit !== null && productOf(count, unit, amount.digits) === amount.minor) ?? null;
}

/** A decimal number in ten-thousandths; null where it has more decimals or is none. */
function scaled(decimal: string): bigint | null {
  const [, sign, whole, fraction = ''] = /^(-?)(\d{1,15})(?:\.(\d+))?$/.exec(decimal) ?? [];
  if (whole === undefined) return null;
  const digits = fraction.replace(/0+$/, '');
  if (digits.length > PLACES) return null;
  const value = BigInt(whole + digits.padEnd(PLACES, '0'));
  return sign === '-' ? -value : value;
}

/** Without zeros at its end. */
function textOf(value: bigint): string {
  const digits = String(value < 0n ? -value : value).padStart(PLACES + 1, '0');
  const fraction = digits.slice(-PLACES).replace(/0+$/, '');
  return `${value < 0n ? '-' : ''}${digits.slice(0, -PLACES)}${fraction === '' ? '' : `.${fraction}`}`;
}

interface Amount {
  readonly minor: bigint;
  readonly digits: number;
}

function amountOf(minor: number, currencyDigits: number): Amount {
  const digits = Math.min(Math.max(currencyDigits, ROUNDED_TO), PLACES);
  return { minor: BigInt(minor) * 10n ** BigInt(Math.max(digits - currencyDigits, 0)), digits };
}

const productOf = (count: bigint, unit: bigint, digits: number): bigint =>
  dividedBy(count * unit, (ONE * ONE) / 10n ** BigInt(digits));

const unitFor = ({ minor, digits }: Amount, count: bigint): bigint | null =>
  count === 0n ? null : dividedBy(minor * ONE * ONE, count * 10n ** BigInt(digits));

/** Rounded to the nearest, and half away from zero. */
function dividedBy(value: bigint, by: bigint): bigint {
  const isNegative = value < 0n !== by < 0n;
  const [top, bottom] = [value < 0n ? -value : value, by < 0n ? -by : by];
  const rounded = (top * 2n + bottom) / (bottom * 2n);
  return isNegative ? -rounded : rounded;
}
