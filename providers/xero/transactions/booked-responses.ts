import { z } from 'zod';
import { nullableText } from '../../items.ts';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';
import { decimalText, minorOf, plainDecimal } from '../../decimals.ts';
import { unreadableObject } from '../http/ask.ts';
import type { BaseCurrency } from '../http/base-currency.ts';
import { listOf, orNull, partOf, wireTime } from '../http/objects.ts';

/** Lines go back whole with an update, so everything else of a line stays with it. */
const lineSchema = z.looseObject({
  LineItemID: nullableText,
  Description: nullableText,
  Quantity: orNull(decimalText),
  UnitAmount: orNull(decimalText),
  LineAmount: orNull(decimalText),
  TaxAmount: orNull(decimalText),
  ItemCode: nullableText,
  AccountCode: nullableText,
  Item: orNull(z.looseObject({ ItemID: nullableText })),
});
export type XeroLine = z.output<typeof lineSchema>;

export const contactReference = partOf({ ContactID: nullableText });

/**
 * What every document with lines has
 * (https://developer.xero.com/documentation/api/accounting/types, read 2026-11-29).
 */
export const bookedFields = {
  // A day of the organisation’s.
  Date: wireTime,
  Reference: nullableText,
  Contact: contactReference,
  CurrencyCode: nullableText,
  LineAmountTypes: nullableText,
  LineItems: listOf(lineSchema),
  Total: decimalText,
  UpdatedDateUTC: wireTime,
};

/** An amount, where it is a whole number of the currency’s smallest unit. Throws for one that is not. */
export function amountOf(decimal: string, currency: string, path: string): number {
  const minor = minorOf(decimal, currency);
  if (minor === null) throw unreadableObject(`${path}: expected an amount in whole smallest units of the currency`);
  return minor;
}

/** The currency of a booked object: the organisation’s own where it names none. Throws for one that is none. */
export async function currencyOf(named: string | null, base: BaseCurrency): Promise<string> {
  const currency = named ?? (await base.get());
  if (minorDigitsOf(currency) === null) throw unreadableObject('CurrencyCode: expected a currency of ISO 4217');
  return currency;
}

/** A line as kinds of record show it. One of words alone has no amount. */
export const lineOf = (line: XeroLine, currency: string) => ({
  description: line.Description,
  // Xero writes `2.0000` for what was sent as 2.
  quantity: line.Quantity && plainDecimal(line.Quantity),
  amountMinor: amountOf(line.LineAmount ?? '0', currency, 'LineItems.LineAmount'),
  productSourceId: null,
});
