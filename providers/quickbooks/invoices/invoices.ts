import { z } from 'zod';
import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { InvoiceFields, InvoiceStatus } from '../../../records/invoices.ts';
import type { ProviderRecord, PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { decimalText } from '../http/decimals.ts';
import { HomeCurrency } from '../http/home-currency.ts';
import { CHANGES, changeList, countObjects, entityList } from '../http/lists.ts';
import type { Listed } from '../http/lists.ts';
import { customFieldsOf, nullableText, orNull, versionOf, withoutEmpty } from '../http/objects.ts';
import { listChangedRecords, listRecords, retrievalOf, retrieveRecord } from '../http/records.ts';
import {
  amountLines,
  amountOf,
  bookedFields,
  currencyOf,
  instantOf,
  isVoided,
  lineOf,
} from '../transactions/booked-responses.ts';

export const invoicePullPlan: PullPlan = {
  listing: [[entityList('invoices')]],
  changes: changeFeed([[changeList('changed-invoices')]], CHANGES),
  mayVanish: true,
};

const INVOICES: Listed = { entity: 'Invoice' };

/** https://developer.intuit.com/app/developer/qbo/docs/api/accounting/all-entities/invoice, read 2026-11-28: as far as it is read here. */
const invoiceSchema = z.object({
  ...bookedFields,
  DueDate: orNull(z.iso.date()),
  Balance: orNull(decimalText),
  TxnTaxDetail: orNull(z.object({ TotalTax: orNull(decimalText) })),
  EmailStatus: nullableText,
});
type QuickBooksInvoice = z.output<typeof invoiceSchema>;

export function createInvoiceSession(ask: Ask): ResourceSession {
  const home = new HomeCurrency(ask);
  const read = {
    listed: INVOICES,
    schema: invoiceSchema,
    toRecord: async (invoice: QuickBooksInvoice) => toRecord(invoice, await currencyOf(invoice, home)),
  };
  return {
    listPage: (query) =>
      query.stream === 'invoices' ? listRecords(ask, read, query) : listChangedRecords(ask, [read], query),
    count: () => countObjects(ask, INVOICES),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, read, externalId),
    retrieveMany: retrievalOf(ask, read),
    writer: null,
  };
}

const toRecord = (invoice: QuickBooksInvoice, currency: string): ProviderRecord => ({
  externalId: invoice.Id,
  version: versionOf(invoice),
  deleted: false,
  changedAtMs: Date.parse(invoice.MetaData.LastUpdatedTime),
  recordId: null,
  fields: toFields(invoice, currency),
  refs: { customer: invoice.CustomerRef?.value ?? null },
  ...customFieldsOf(invoice),
});

function toFields(invoice: QuickBooksInvoice, currency: string): InvoiceFields {
  const totalMinor = amountOf(invoice.TotalAmt, currency, 'TotalAmt');
  const amountDueMinor = amountOf(invoice.Balance ?? '0', currency, 'Balance');
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
    lines: amountLines(invoice.Line).map((line) => ({
      ...lineOf(line, currency),
      unitAmount: line.SalesItemLineDetail?.UnitPrice ?? null,
      taxMinor: null,
    })),
    metadata: withoutEmpty({ quickbooks_email_status: invoice.EmailStatus }),
  };
}

/** An invoice is booked from its first moment: QuickBooks has no draft. */
function statusOf(invoice: QuickBooksInvoice, amountDueMinor: number): InvoiceStatus {
  if (isVoided(invoice)) return 'void';
  return amountDueMinor === 0 ? 'paid' : 'open';
}
