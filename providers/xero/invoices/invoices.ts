import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { BaseCurrency } from '../http/base-currency.ts';
import { CHANGES, countObjects, list, listRecords, retrievalOf, retrieveRecord } from '../http/lists.ts';
import type { Collection } from '../http/lists.ts';
import { invoiceSchema, toRecord } from './invoice-fields.ts';
import type { XeroInvoice } from './invoice-fields.ts';

export const invoicePullPlan: PullPlan = {
  listing: [[list('invoices')]],
  changes: changeFeed([[list('changed-invoices')]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

export function createInvoiceSession(ask: Ask): ResourceSession {
  const base = new BaseCurrency(ask);
  const invoices: Collection<XeroInvoice> = {
    ...{ name: 'Invoices', idProperty: 'InvoiceID', schema: invoiceSchema },
    // A price has four decimals, of which Xero tells two unless it is asked for all.
    query: { where: 'Type=="ACCREC"', unitdp: '4' },
    toRecord: (invoice) => toRecord(invoice, base),
  };
  return {
    listPage: (query) => listRecords(ask, invoices, query),
    count: () => countObjects(ask, invoices),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, invoices, externalId),
    retrieveMany: retrievalOf(ask, invoices),
    writer: null,
  };
}
