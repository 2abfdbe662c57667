import { z } from 'zod';
import { nullableText } from '../../items.ts';
import type { InvoiceFields, InvoiceStatus } from '../../../records/invoices.ts';
import { decimalText, plainDecimal } from '../../decimals.ts';
import type { ProviderRecord } from '../../provider.ts';
import type { BaseCurrency } from '../http/base-currency.ts';
import { guid, instantOf, orNull, toDeletion, wireTime, withoutEmpty } from '../http/objects.ts';
import type { ItemCodes } from './item-codes.ts';
import { amountOf, bookedFields, currencyOf, lineOf } from '../transactions/booked-responses.ts';

export const STATUS = {
  DRAFT: 'draft',
  SUBMITTED: 'draft',
  AUTHORISED: 'open',
  PAID: 'paid',
  VOIDED: 'void',
} as const satisfies Readonly<Record<string, InvoiceStatus>>;
type LivingStatus = keyof typeof STATUS;

/** https://developer.xero.com/documentation/api/accounting/invoices, read 2026-11-29: as far as it is read here. */
export const invoiceSchema = z.object({
  ...bookedFields,
  InvoiceID: guid,
  // `ACCREC` is a sales invoice, `ACCPAY` a bill.
  Type: nullableText,
  InvoiceNumber: nullableText,
  Status: z.enum([...(Object.keys(STATUS) as [LivingStatus, ...LivingStatus[]]), 'DELETED']),
  DueDate: orNull(wireTime),
  SubTotal: orNull(decimalText),
  TotalTax: orNull(decimalText),
  AmountDue: orNull(decimalText),
});
export type XeroInvoice = z.output<typeof invoiceSchema>;

/** What one invoice does not tell by itself. */
export interface InvoiceReading {
  readonly base: BaseCurrency;
  readonly items: ItemCodes;
}

/** Null for a bill. A draft that a person has deleted stays listed with that status. */
export async function toRecord(invoice: XeroInvoice, { base, items }: InvoiceReading): Promise<ProviderRecord | null> {
  if (invoice.Type !== 'ACCREC') return null;
  if (invoice.Status === 'DELETED') return toDeletion(invoice.InvoiceID, invoice.UpdatedDateUTC);
  const currency = await currencyOf(invoice.CurrencyCode, base);
  return {
    externalId: invoice.InvoiceID,
    version: invoice.UpdatedDateUTC,
    deleted: false,
    changedAtMs: invoice.UpdatedDateUTC,
    recordId: null,
    fields: toFields(invoice, STATUS[invoice.Status], currency),
    refs: { customer: invoice.Contact.ContactID },
    listRefs: { product: await productsOf(invoice, items) },
  };
}

/** The items that the lines sell. Xero’s examples have lines that tell the code alone. */
export async function productsOf({ LineItems: lines }: XeroInvoice, items: ItemCodes): Promise<(string | null)[]> {
  const products: (string | null)[] = [];
  for (const { Item: item, ItemCode: code } of lines)
    products.push(item?.ItemID ?? (code === null ? null : ((await items.byCode(code))?.id ?? null)));
  return products;
}

export function toFields(invoice: XeroInvoice, status: InvoiceStatus, currency: string): InvoiceFields {
  const amount = (name: 'Total' | 'SubTotal' | 'TotalTax' | 'AmountDue') =>
    invoice[name] === null ? null : amountOf(invoice[name], currency, name);
  return {
    number: invoice.InvoiceNumber,
    status,
    issuedAt: instantOf(invoice.Date),
    dueAt: invoice.DueDate === null ? null : instantOf(invoice.DueDate),
    customerSourceId: null,
    currency,
    subtotalMinor: amount('SubTotal'),
    taxMinor: amount('TotalTax'),
    totalMinor: amountOf(invoice.Total, currency, 'Total'),
    amountDueMinor: amount('AmountDue'),
    lines: invoice.LineItems.map((line) => ({
      ...lineOf(line, currency),
      unitAmount: line.UnitAmount && plainDecimal(line.UnitAmount),
      taxMinor: line.TaxAmount === null ? null : amountOf(line.TaxAmount, currency, 'LineItems.TaxAmount'),
    })),
    metadata: withoutEmpty({
      xero_reference: invoice.Reference,
      // Amounts of lines hold their tax where it says `Inclusive`.
      xero_line_amount_types: invoice.LineAmountTypes,
      // A draft that waits for approval is one here too.
      xero_status: invoice.Status === 'SUBMITTED' ? invoice.Status : null,
    }),
  };
}
