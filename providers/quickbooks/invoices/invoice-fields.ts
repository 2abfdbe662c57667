import type { InvoiceFields, InvoiceStatus } from '../../../records/invoices.ts';
import type { ProviderRecord } from '../../provider.ts';
import { customFieldsOf, versionOf, withoutEmpty } from '../http/objects.ts';
import { amountOf, hasAmount, instantOf, isVoided, lineOf } from '../transactions/booked-responses.ts';
import type { BookedLine } from '../transactions/booked-responses.ts';
import { US_CODES } from './tax-codes.ts';
import type { QuickBooksInvoice } from './invoice-responses.ts';

export function toRecord(invoice: QuickBooksInvoice, currency: string): ProviderRecord {
  const lines = invoice.Line.filter(hasAmount);
  return {
    externalId: invoice.Id,
    version: versionOf(invoice),
    deleted: false,
    changedAtMs: Date.parse(invoice.MetaData.LastUpdatedTime),
    recordId: null,
    fields: toFields(invoice, currency),
    refs: { customer: invoice.CustomerRef?.value ?? null },
    listRefs: { product: lines.map((line) => line.SalesItemLineDetail?.ItemRef?.value ?? null) },
    ...customFieldsOf(invoice),
  };
}

function toFields(invoice: QuickBooksInvoice, currency: string): InvoiceFields {
  const totalMinor = amountOf(invoice.TotalAmt, currency, 'TotalAmt');
  // An answer without a balance does not say that nothing is left to be paid.
  const amountDueMinor = invoice.Balance === null ? null : amountOf(invoice.Balance, currency, 'Balance');
  const tax = invoice.TxnTaxDetail?.TotalTax ?? null;
  const taxMinor = tax === null ? null : amountOf(tax, currency, 'TxnTaxDetail.TotalTax');
  return {
    number: invoice.DocNumber,
    status: statusOf(invoice, amountDueMinor),
    issuedAt: instantOf(invoice.TxnDate),
    dueAt: invoice.DueDate && instantOf(invoice.DueDate),
    customerSourceId: null,
    currency,
    subtotalMinor: taxMinor === null ? null : totalMinor - taxMinor,
    taxMinor,
    totalMinor,
    amountDueMinor,
    lines: invoice.Line.filter(hasAmount).map((line) => ({
      ...lineOf(line, currency),
      unitAmount: line.SalesItemLineDetail?.UnitPrice ?? null,
      // What a taxed line has of the tax of the whole invoice is not told.
      taxMinor: taxedIn(line) === false ? 0 : null,
    })),
    metadata: withoutEmpty({
      quickbooks_email_status: invoice.EmailStatus,
      quickbooks_tax_calculation: invoice.GlobalTaxCalculation,
    }),
  };
}

/** Whether a line is taxed, in a US company. Null where its code does not say it. */
export function taxedIn({ SalesItemLineDetail: detail }: BookedLine): boolean | null {
  const code = detail?.TaxCodeRef?.value;
  if (code === US_CODES.taxed) return true;
  return code === US_CODES.untaxed ? false : null;
}

/** An invoice is booked from its first moment: QuickBooks has no draft. */
function statusOf(invoice: QuickBooksInvoice, amountDueMinor: number | null): InvoiceStatus {
  if (isVoided(invoice)) return 'void';
  return amountDueMinor === 0 ? 'paid' : 'open';
}
