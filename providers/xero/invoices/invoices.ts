import { changeFeed } from '../../../domain/sync/pull/pull-plan.ts';
import type { InvoiceFields } from '../../../records/invoices.ts';
import type { BulkHint, ProviderRecord, PullPlan, RemoteHint, ResourceSession } from '../../provider.ts';
import { keyOf, missingObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { BaseCurrency } from '../http/base-currency.ts';
import { searchByValue } from '../http/bulk-search.ts';
import { writeElements } from '../http/elements.ts';
import {
  CHANGES,
  countObjects,
  list,
  listRecords,
  PAGED_IDS,
  readListed,
  readOne,
  retrievalOf,
  retrieveRecord,
} from '../http/lists.ts';
import type { Collection } from '../http/lists.ts';
import { createBatchWriter } from '../http/writer.ts';
import { changesTo, isDraft, newInvoice } from './invoice-bodies.ts';
import { invoiceSchema, toRecord } from './invoice-fields.ts';
import type { XeroInvoice } from './invoice-fields.ts';
import { ItemCodes } from './item-codes.ts';
import { SalesAccount } from './sales-account.ts';

export const invoicePullPlan: PullPlan = {
  listing: [[list('invoices')]],
  changes: changeFeed([[list('changed-invoices')]], CHANGES),
  mayVanish: true,
  dates: ['changes', 'deletions'],
};

/** Bills are kept in the same collection. */
const SALES = 'Type=="ACCREC"';

export function createInvoiceSession(ask: Ask): ResourceSession {
  const reading = { base: new BaseCurrency(ask), items: new ItemCodes(ask) };
  const writing = { ...reading, account: new SalesAccount(ask) };
  const all: Collection<XeroInvoice> = {
    ...{ name: 'Invoices', idProperty: 'InvoiceID', schema: invoiceSchema },
    // A price has four decimals, of which Xero tells two unless it is asked for all.
    query: { unitdp: '4' },
    toRecord: (invoice) => toRecord(invoice, reading),
  };
  const invoices = { ...all, query: { ...all.query, where: SALES } };
  const withNumber = async (number: string): Promise<readonly ProviderRecord[]> => {
    if (!number.includes(',')) return (await readListed(ask, invoices, { InvoiceNumbers: number, page: '1' })).records;
    // A comma separates numbers in a query. A path takes a number in place of an id.
    const found = await readOne(ask, invoices, number);
    const record = found && (await toRecord(found, reading));
    return record ? [record] : [];
  };
  return {
    listPage: (query) => listRecords(ask, invoices, query),
    count: () => countObjects(ask, invoices),
    versionOf: (askedAtMs) => askedAtMs,
    retrieve: (externalId) => retrieveRecord(ask, invoices, externalId),
    retrieveMany: retrievalOf(ask, invoices),
    writer: {
      ...createBatchWriter<XeroInvoice>(ask, {
        collection: all,
        ...PAGED_IDS,
        idOf: ({ InvoiceID }) => InvoiceID,
        versionOf: ({ UpdatedDateUTC }) => UpdatedDateUTC,
        isPresent: ({ Type, Status }) => Type === 'ACCREC' && Status !== 'DELETED',
        toRecord: async (invoice) => (await toRecord(invoice, reading)) ?? missingObject(),
        newBody: (payload) => newInvoice(payload, writing),
        changesTo: (invoice, payload) => changesTo(invoice, payload, writing),
      }),

      /** A draft is deleted. An approved invoice is voided, which stays; Xero refuses it for one with payments. */
      async archive(externalId, { idempotencyKey }) {
        const found = await readOne(ask, all, externalId);
        if (found?.Type !== 'ACCREC' || found.Status === 'DELETED') return 'deleted';
        if (found.Status === 'VOIDED') return 'archived';
        const Status = isDraft(found) ? 'DELETED' : 'VOIDED';
        const [outcome] = await writeElements(ask, all, {
          method: 'POST',
          elements: [{ InvoiceID: found.InvoiceID, Status }],
          idempotencyKey: keyOf(idempotencyKey, String(found.UpdatedDateUTC)),
        });
        if (outcome instanceof Error) throw outcome;
        return Status === 'DELETED' ? 'deleted' : 'archived';
      },

      async findRemote(hint) {
        const number = numberOf(hint);
        if (number === null) return NOTHING;
        const records = await withNumber(number);
        return { found: records.find((record) => isOurs(record, hint)) ?? null, after: null };
      },

      findMany: searchByValue(ask, invoices, {
        property: 'InvoiceNumber',
        listParameter: 'InvoiceNumbers',
        valueOf: numberOf,
        async choose(withNumber, hint) {
          for (const invoice of withNumber) {
            const record = await toRecord(invoice, reading);
            if (record && isOurs(record, hint)) return record;
          }
          return null;
        },
      }),
    },
  };
}

const NOTHING = { found: null, after: null } as const;

const numberOf = ({ fields }: Pick<BulkHint, 'fields'>): string | null =>
  (fields as InvoiceFields).number?.trim() ?? null;

/** No two sales invoices share a number. One that asks another customer or for another sum, or that was there before, is another’s. */
function isOurs(
  { externalId, version, fields, refs }: ProviderRecord,
  hint: BulkHint & Pick<RemoteHint, 'excluded'>,
): boolean {
  const isNew = version >= hint.createdSinceEpochS * 1_000 && hint.excluded?.includes(externalId) !== true;
  const customer = hint.refs?.['customer'] ?? null;
  const isSameCustomer = customer === null || customer === refs?.['customer'];
  return (
    fields !== null && isNew && isSameCustomer && isSameClaim(fields as InvoiceFields, hint.fields as InvoiceFields)
  );
}

const isSameClaim = (there: InvoiceFields, here: InvoiceFields): boolean =>
  there.number === here.number?.trim() && there.totalMinor === here.totalMinor && there.currency === here.currency;
