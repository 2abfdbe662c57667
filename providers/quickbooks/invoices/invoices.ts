import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { PullPlan, ResourceSession } from '../../provider.ts';
import type { Ask } from '../http/ask.ts';
import { HomeCurrency } from '../http/home-currency.ts';
import { CHANGES, changeList, countObjects, entityList } from '../http/lists.ts';
import type { Listed } from '../http/lists.ts';
import { listChangedRecords, listRecords, retrievalOf, retrieveRecord } from '../http/records.ts';
import { currencyOf } from '../transactions/booked-responses.ts';
import { toRecord } from './invoice-fields.ts';
import { invoiceSchema } from './invoice-responses.ts';
import type { QuickBooksInvoice } from './invoice-responses.ts';
import { createInvoiceWriter } from './invoice-writing.ts';

export const invoicePullPlan: PullPlan = {
  listing: [[entityList('invoices')]],
  changes: changeFeed([[changeList('changed-invoices')]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

const INVOICES: Listed = { entity: 'Invoice' };

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
    writer: createInvoiceWriter(ask, home),
  };
}
