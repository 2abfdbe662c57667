import { z } from 'zod';
import { nullableText } from '../../items.ts';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';
import { unreadableObject } from '../http/ask.ts';
import { decimalText, minorOf } from '../http/decimals.ts';
import type { HomeCurrency } from '../http/home-currency.ts';
import { objectFields, orNull, reference } from '../http/objects.ts';

const itemDetail = orNull(
  z.object({
    ItemRef: orNull(z.object({ value: nullableText, name: nullableText })),
    Qty: orNull(decimalText),
    UnitPrice: orNull(decimalText),
    TaxCodeRef: reference,
  }),
);
const lineSchema = z.object({
  Description: nullableText,
  Amount: orNull(decimalText),
  DetailType: nullableText,
  SalesItemLineDetail: itemDetail,
});
export type BookedLine = z.output<typeof lineSchema>;

/** What every booked object has, https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/salesreceipt, read 2026-11-28. */
export const bookedFields = {
  ...objectFields,
  // A day of the company's.
  TxnDate: z.iso.date(),
  DocNumber: nullableText,
  PrivateNote: nullableText,
  // Only a company with several currencies names it everywhere.
  CurrencyRef: reference,
  CustomerRef: reference,
  TotalAmt: decimalText,
  Line: z
    .array(lineSchema)
    .nullish()
    .transform((lines) => lines ?? []),
};

/** An amount, where it is a whole number of the currency's smallest unit. Throws for one that is not. */
export function amountOf(decimal: string, currency: string, path: string): number {
  const minor = minorOf(decimal, currency);
  if (minor === null) throw unreadableObject(`${path}: expected an amount in whole smallest units of the currency`);
  return minor;
}

/** The currency of a booked object. Throws for one that is none. */
export async function currencyOf(
  { CurrencyRef: named }: { readonly CurrencyRef: { readonly value: string } | null },
  home: HomeCurrency,
): Promise<string> {
  const currency = named?.value ?? (await home.get());
  if (minorDigitsOf(currency) === null) throw unreadableObject('CurrencyRef.value: expected a currency of ISO 4217');
  return currency;
}

/** Whether a line has an amount: subtotals repeat others, and some lines are words alone. */
export const hasAmount = ({ Amount, DetailType }: BookedLine): boolean =>
  Amount !== null && DetailType !== 'SubTotalLineDetail';

/** A line as kinds of record show it. A discount takes its amount off. */
export function lineOf(line: BookedLine, currency: string) {
  const { SalesItemLineDetail: detail, DetailType: type } = line;
  const amount = amountOf(line.Amount ?? '0', currency, 'Line.Amount');
  return {
    description: line.Description ?? detail?.ItemRef?.name ?? null,
    quantity: detail?.Qty ?? null,
    amountMinor: type === 'DiscountLineDetail' && amount !== 0 ? -amount : amount,
    productSourceId: null,
  };
}

/** QuickBooks says of a voided object in its note alone, and with a total of zero. */
export const isVoided = ({
  TotalAmt,
  PrivateNote,
}: {
  readonly TotalAmt: string;
  readonly PrivateNote: string | null;
}) => Number(TotalAmt) === 0 && /^voided/i.test(PrivateNote ?? '');

/** A day as its first instant in UTC. */
export const instantOf = (day: string): string => `${day}T00:00:00.000Z`;
