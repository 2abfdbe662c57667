import type { InvoiceFields, InvoiceStatus } from '../../../records/invoices.ts';
import type { ProviderRecord } from '../../provider.ts';
import { customFieldsOf, versionOf, withoutEmpty } from '../http/objects.ts';
import { amountOf, hasAmount, instantOf, isVoided, lineOf } from '../transactions/booked-responses.ts';
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
      taxMinor: null,
    })),
    metadata: withoutEmpty({ quickbooks_email_status: invoice.EmailStatus }),
  };
}

/** An invoice is booked from its first moment: QuickBooks has no draft. */
function statusOf(invoice: QuickBooksInvoice, amountDueMinor: number | null): InvoiceStatus {
  if (isVoided(invoice)) return 'void';
  return amountDueMinor === 0 ? 'paid' : 'open';
}
