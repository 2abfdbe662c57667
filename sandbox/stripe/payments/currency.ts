import { invalidRequest } from '../http/failure.ts';
import type { Reader } from '../http/params.ts';

// https://docs.stripe.com/currencies#zero-decimal and #three-decimal (2026-11). ISK, HUF, TWD and UGX are sent in
// hundredths.
const ZERO_DECIMAL = new Set([
  'bif',
  'clp',
  'djf',
  'gnf',
  'jpy',
  'kmf',
  'krw',
  'mga',
  'pyg',
  'rwf',
  'vnd',
  'vuv',
  'xaf',
  'xof',
  'xpf',
]);
const THREE_DECIMAL = new Set(['bhd', 'jod', 'kwd', 'omr', 'tnd']);
const WHOLE_UNITS_IN_HUNDREDTHS = new Set(['isk', 'ugx']);
const KNOWN = new Set(Intl.supportedValuesOf('currency').map((code) => code.toLowerCase()));

/** Invented exchange rates: units per US dollar. They never change, so conversions are predictable. */
const PER_DOLLAR: Readonly<Record<string, number>> = {
  usd: 1,
  gbp: 0.8,
  eur: 0.9,
  jpy: 150,
  kwd: 0.3,
  chf: 0.85,
  sek: 10,
  aud: 1.5,
  cad: 1.4,
};

/** The decimal places of a currency's minor unit in Stripe's API. */
function decimalsOf(currency: string): number {
  if (ZERO_DECIMAL.has(currency)) return 0;
  return THREE_DECIMAL.has(currency) ? 3 : 2;
}

/** A three-letter code in any case; Stripe keeps it in lower case. */
export const currencyCode: Reader<string> = (value, param) => {
  const code = typeof value === 'string' ? value.toLowerCase() : '';
  if (KNOWN.has(code)) return code;
  throw invalidRequest(`Invalid currency: ${code}.`, { param });
};

/** Throws a `Failure` for an amount that Stripe does not accept in this currency. */
export function checkAmount(amountMinor: number, currency: string): void {
  if (THREE_DECIMAL.has(currency) && amountMinor % 10 !== 0) {
    throw invalidRequest(`Amounts in ${currency} must be multiples of 10: the last digit has to be 0.`, {
      param: 'amount',
    });
  }
  if (WHOLE_UNITS_IN_HUNDREDTHS.has(currency) && amountMinor % 100 !== 0) {
    throw invalidRequest(`Amounts in ${currency} must be multiples of 100.`, { param: 'amount' });
  }
  if (amountMinor > 99_999_999) {
    throw invalidRequest('Amount must be no more than 99,999,999.', { code: 'amount_too_large', param: 'amount' });
  }
}

/** Units of `to` per unit of `from`, to six places. Assumes one unit per dollar for a currency without a rate. */
export function exchangeRate(from: string, to: string): number {
  return Number(((PER_DOLLAR[to] ?? 1) / (PER_DOLLAR[from] ?? 1)).toFixed(6));
}

/** Converts an amount to another currency's minor units. Rounds half away from zero. */
export function converted(
  amountMinor: number,
  rate: number,
  between: { readonly from: string; readonly to: string },
): number {
  return rounded(amountMinor * rate * 10 ** (decimalsOf(between.to) - decimalsOf(between.from)), between.to);
}

/** Stripe's usual fee for a card: 2.9 % and 30 hundredths, in the minor units of the settlement currency. */
export function usualFee(amountMinor: number, currency: string): number {
  return rounded(amountMinor * 0.029 + 30 * 10 ** Math.max(0, decimalsOf(currency) - 2), currency);
}

/**
 * Rounds to a whole minor unit; to ten units in three-decimal currencies; to a hundred where the last two digits must
 * be zero.
 */
function rounded(amount: number, currency: string): number {
  const step = WHOLE_UNITS_IN_HUNDREDTHS.has(currency) ? 100 : decimalsOf(currency) === 3 ? 10 : 1;
  // Twelve significant digits remove binary-fraction noise before a half is rounded.
  return Math.sign(amount) * Math.round(Number((Math.abs(amount) / step).toPrecision(12))) * step;
}
