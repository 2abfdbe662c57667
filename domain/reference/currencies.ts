/**
 * Currencies that ISO 4217 has withdrawn since 2011, and the Venezuelan digital bolívar. Payments in them stay in a
 * venue's books, and whether `Intl` knows them depends on its data release (Node 24.21 lacks eight of these).
 */
const IN_OLD_BOOKS = 'ANG BGN BYR CUC EEK HRK LTL LVL MRO SLL STD VED VEF ZMK ZWL'.split(' ');

/**
 * Decimal digits of the currencies that do not have two: ISO 4217, list one (published by SIX, read 2026-11-21). `Intl`
 * has digits too, but those of everyday use: it gives the Serbian dinar none, though it has two.
 */
const MINOR_DIGITS: Readonly<Record<string, number>> = {
  ...digits(0, 'BIF BYR CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF'),
  ...digits(3, 'BHD IQD JOD KWD LYD OMR TND'),
  ...digits(4, 'CLF UYW'),
};

const CURRENCIES: ReadonlySet<string> = new Set([
  ...Intl.supportedValuesOf('currency'),
  ...IN_OLD_BOOKS,
  ...Object.keys(MINOR_DIGITS),
]);

function digits(count: number, codes: string): Record<string, number> {
  return Object.fromEntries(codes.split(' ').map((code) => [code, count]));
}

/** The number of decimal digits of a currency's minor unit; null for anything but an upper-case ISO 4217 code. */
export function minorDigitsOf(currency: string): number | null {
  return CURRENCIES.has(currency) ? (MINOR_DIGITS[currency] ?? 2) : null;
}
