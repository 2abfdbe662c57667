import { minorDigitsOf } from '../../../domain/reference/currencies.ts';
import { unreadableObject } from '../errors.ts';

/**
 * Stripe uses ISO 4217 minor units with exceptions: for compatibility ISK and UGX keep two digits, which must be zeros,
 * and MGA has none (https://docs.stripe.com/currencies#minor-units, read 2026-11-21). HUF and TWD differ in payouts
 * only.
 */
const STRIPE_DIGITS: Readonly<Record<string, number>> = { ISK: 2, UGX: 2, MGA: 0 };

/** Three-decimal amounts must end in 0 because of the card networks (same page). */
const DIGITS_THAT_END_IN_ZERO = 3;

export interface Money {
  readonly amountMinor: number;
  readonly currency: string;
}

/** An amount in Stripe's units, or the reason why Stripe takes none. */
export type StripeAmount =
  { readonly amount: number; readonly currency: string; readonly problem: null } | { readonly problem: string };

/**
 * Null for an amount that has no exact value: an unknown currency, a fraction of a minor unit, or more than a safe
 * integer.
 */
export function toMoney(amount: number, stripeCurrency: string): Money | null {
  const currency = stripeCurrency.toUpperCase();
  const shift = shiftOf(currency);
  if (shift === null) return null;
  const amountMinor = shifted(amount, shift);
  return amountMinor === null ? null : { amountMinor, currency };
}

export function toStripeAmount({ amountMinor, currency }: Money): StripeAmount {
  const shift = shiftOf(currency);
  if (shift === null) return { problem: 'Stripe takes ISO 4217 currencies only.' };
  const amount = shifted(amountMinor, -shift);
  if (amount === null) return { problem: `Stripe takes no such fraction of ${currency}, or no amount of this size.` };
  if (minorDigitsOf(currency) === DIGITS_THAT_END_IN_ZERO && amount % 10 !== 0)
    return { problem: `Stripe takes amounts of ${currency} whose last digit is 0 only.` };
  return { amount, currency: currency.toLowerCase(), problem: null };
}

/**
 * As `toMoney`, but throws for an amount without an exact value, so that its object becomes a rejection with that
 * reason. `field` names the amount.
 */
export function tellable(
  field: string,
  { amount, currency }: { readonly amount: number; readonly currency: string },
): Money {
  const money = toMoney(amount, currency);
  if (money !== null) return money;
  const isKnown = shiftOf(currency.toUpperCase()) !== null;
  throw unreadableObject(
    undefined,
    `${field}: ${isKnown ? 'is no whole number of minor units in ISO 4217, or too large' : 'is in no ISO 4217 currency'}`,
  );
}

/**
 * Converts Stripe's decimal amount, such as a fraction of a cent, to the currency's main unit: `1250.5` in `usd` is
 * `12.505`. Null when it is not a plain decimal or the currency is unknown.
 */
export function toMainUnits(decimal: string, stripeCurrency: string): string | null {
  const currency = stripeCurrency.toUpperCase();
  const digits = STRIPE_DIGITS[currency] ?? minorDigitsOf(currency);
  const parts = /^(-?)(\d+)(?:\.(\d+))?$/.exec(decimal);
  if (digits === null || !parts) return null;
  const [, sign = '', whole = '', fraction = ''] = parts;
  const padded = whole.padStart(digits + 1, '0');
  const point = padded.length - digits;
  const [units, rest] = [
    padded.slice(0, point).replace(/^0+(?=\d)/, ''),
    `${padded.slice(point)}${fraction}`.replace(/0+$/, ''),
  ];
  return `${sign}${units}${rest === '' ? '' : `.${rest}`}`;
}

/** The digits that an amount gains when it is read from Stripe. */
function shiftOf(currency: string): number | null {
  const minorDigits = minorDigitsOf(currency);
  return minorDigits === null ? null : minorDigits - (STRIPE_DIGITS[currency] ?? minorDigits);
}

/** Integer division; null when there is a remainder. */
function shifted(amount: number, shift: number): number | null {
  const factor = 10 ** Math.abs(shift);
  if (!Number.isSafeInteger(amount) || (shift < 0 && amount % factor !== 0)) return null;
  const result = shift < 0 ? amount / factor : amount * factor;
  // Turns `-0` into 0.
  return Number.isSafeInteger(result) ? result + 0 : null;
}
