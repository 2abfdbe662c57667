import { z } from 'zod';
import { inShortQueries } from '../../http/short-queries.ts';
import { issuesOf } from '../../items.ts';
import { ProviderError } from '../../provider-error.ts';
import type { RecordNote } from '../../../contracts/records.ts';
import type { BulkHint, ProviderRecord, ResourceWriter, WriteOptions, WrittenRecord } from '../../provider.ts';
import { nullWhenMissing, requestIdOf, unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { MOST_ITEMS } from '../http/batch.ts';
import type { HomeCurrency } from '../http/home-currency.ts';
import { isoOf, quoted, quotedList } from '../http/query.ts';
import { createSparseWriter } from '../http/sparse-writer.ts';
import type { Body, SparseWriter } from '../http/sparse-writer.ts';
import { currencyOf, hasAmount, isVoided } from '../transactions/booked-responses.ts';
import { taxedIn, toRecord } from './invoice-fields.ts';
import { fitLines, mergedLines, newLine, refused } from './invoice-lines.ts';
import { contentOf } from './invoice-mapping.ts';
import type { InvoicePayload, LinePayload } from './invoice-mapping.ts';
import { invoiceSchema } from './invoice-responses.ts';
import type { QuickBooksInvoice } from './invoice-responses.ts';
import { TaxCodes } from './tax-codes.ts';

/** Without the fields that the connection leaves out. */
type Sent = Partial<InvoicePayload>;

const answerSchema = z.object({ Invoice: z.unknown() });

/** Writes invoices by batches and sparse updates; voids and deletes them one by one. */
export function createInvoiceWriter(ask: Ask, home: HomeCurrency): ResourceWriter {
  const recordOf = async (invoice: QuickBooksInvoice) => toRecord(invoice, await currencyOf(invoice, home));
  const codes = new TaxCodes(ask);
  const contentNow = async (invoice: QuickBooksInvoice) => withTaxed(contentIn(await recordOf(invoice)), invoice);
  const operate = (operation: 'void' | 'delete', { Id, SyncToken }: QuickBooksInvoice, key: WriteOptions) =>
    ask(answerSchema, {
      ...{ method: 'POST', path: 'invoice', body: { Id, SyncToken } },
      query: { operation, requestid: requestIdOf(key.idempotencyKey, operation, SyncToken) },
    });
  /** An invoice with payments is left to a person: voiding or deleting it would free them. */
  const keepPayments = async (invoice: QuickBooksInvoice) => {
    const { amountDueMinor, totalMinor } = await contentNow(invoice);
    if (amountDueMinor !== totalMinor) throw refused('invoice-has-payments', 'status');
  };
  const sparse = createSparseWriter<QuickBooksInvoice>(ask, {
    entity: 'Invoice',
    schema: invoiceSchema,
    isThere: () => true,
    toRecord: recordOf,
    prepare: (payloads) => codes.prepare(payloads.flatMap((payload) => (payload as Sent).lines ?? [])),
    newBody: async (payload) => newInvoice(payload, { home, codes }),
    changesTo: async (invoice, payload) => changesTo(invoice, payload, { held: await contentNow(invoice), codes }),
    isAsWanted: (made, payload) => fits(payload, contentIn(made)),
    answered: (record, payload) => asAgreed(record, payload),
    instead(invoice, payload, options) {
      if (payload['status'] !== 'void' || isVoided(invoice)) return null;
      return ofOne(async () => {
        await keepPayments(invoice);
        return readInvoice((await operate('void', invoice, options)).Invoice);
      });
    },
  });
  /** Which record has found an invoice in this session: of several records with equal content each finds another. */
  const finders = new Map<string, string>();
  const isFreeFor = (recordId: string, invoiceId: string): boolean => {
    const finder = finders.get(invoiceId) ?? recordId;
    finders.set(invoiceId, finder);
    return finder === recordId;
  };
  return {
    create: sparse.create,
    update: sparse.update,
    batch: sparse.batch,

    async archive(externalId, options) {
      const found = (await sparse.read([externalId])).get(externalId);
      if (found instanceof ProviderError) throw found;
      if (!found) return 'deleted';
      await keepPayments(found);
      await nullWhenMissing(operate('delete', found, options));
      return 'deleted';
    },

    /** No invoice has a place for an id of ours: one that was made since, with the number or with everything that was sent, is the record's. */
    async findRemote({ recordId, fields, refs, listRefs, timeZone, createdSinceEpochS, excluded = [] }) {
      const wanted = contentOf({ fields, refs, listRefs, timeZone });
      const { number, customer } = wanted;
      if (number === null && customer === null) return { found: null, after: null };
      const named = number === null ? `CustomerRef = ${quoted(customer ?? '')}` : `DocNumber = ${quoted(number)}`;
      const { items } = await sparse.find([named, `MetaData.CreateTime >= ${quoted(isoOf(createdSinceEpochS))}`]);
      const others = items.filter(({ Id }) => !excluded.includes(Id));
      return { found: await chosen(others, recordId, wanted), after: null };
    },

    /** By their numbers. An invoice without one is looked for alone. */
    findMany: {
      size: MOST_ITEMS,
      async find(hints) {
        const wanted = hints.map((hint) => ({ hint, content: contentOf(hint) }));
        const made = await madeByNumber(sparse.find, wanted);
        const found = new Map<string, ProviderRecord | null>();
        for (const { hint, content } of wanted) {
          const sinceMs = hint.createdSinceEpochS * 1_000;
          const items = made?.get(content.number?.toLowerCase() ?? '');
          const since = items?.filter(({ MetaData: { CreateTime } }) => Date.parse(CreateTime) >= sinceMs);
          if (since) found.set(hint.recordId, await chosen(since, hint.recordId, content));
        }
        return found;
      },
    },
  };

  async function chosen(
    items: readonly QuickBooksInvoice[],
    recordId: string,
    wanted: InvoicePayload,
  ): Promise<ProviderRecord | null> {
    for (const item of items) {
      const record = await recordOf(item);
      if (isMadeOf(wanted, contentIn(record)) && isFreeFor(recordId, item.Id)) return record;
    }
    return null;
  }
}

interface Wanted {
  readonly hint: BulkHint;
  readonly content: InvoicePayload;
}

/** Invoices by their number, in any case; null where one cannot be read: nothing is certain then. */
async function madeByNumber(
  find: SparseWriter<QuickBooksInvoice>['find'],
  wanted: readonly Wanted[],
): Promise<ReadonlyMap<string, readonly QuickBooksInvoice[]> | null> {
  const numbers = wanted.flatMap(({ content: { number } }) => number ?? []);
  const made = new Map<string, QuickBooksInvoice[]>(numbers.map((number) => [number.toLowerCase(), []]));
  const sinceEpochS = Math.min(...wanted.map(({ hint }) => hint.createdSinceEpochS));
  for (const some of inShortQueries(numbers, "'', ")) {
    const { items, unreadable } = await find([
      `DocNumber in ${quotedList(some)}`,
      `MetaData.CreateTime >= ${quoted(isoOf(sinceEpochS))}`,
    ]);
    if (unreadable.length > 0) return null;
    for (const item of items) made.get(item.DocNumber?.toLowerCase() ?? '')?.push(item);
  }
  return made;
}

const contentIn = ({ fields, refs, listRefs }: ProviderRecord): InvoicePayload =>
  contentOf({ fields: fields ?? {}, refs, listRefs });

/** With what a line says of its tax: a record tells only that of a line without any. */
function withTaxed(content: InvoicePayload, invoice: QuickBooksInvoice): InvoicePayload {
  const codes = invoice.Line.filter(hasAmount).map(taxedIn);
  return { ...content, lines: content.lines.map((line, index) => ({ ...line, taxed: codes[index] ?? null })) };
}

function readInvoice(raw: unknown): QuickBooksInvoice {
  const { data, error } = invoiceSchema.safeParse(raw);
  if (!data) throw unreadableObject(issuesOf(error));
  return data;
}

/** What is refused of one invoice alone is its outcome. */
async function ofOne(write: () => Promise<QuickBooksInvoice>): Promise<QuickBooksInvoice | ProviderError> {
  try {
    return await write();
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    const { kind } = error.details;
    if (kind === 'rejected' || kind === 'conflict') return error;
    throw error;
  }
}

interface Company {
  readonly home: HomeCurrency;
  readonly codes: TaxCodes;
}

async function newInvoice(invoice: Sent, { home, codes }: Company): Promise<Body> {
  const { customer, currency, lines } = needed(invoice);
  if (!(await home.takes(currency))) throw refused('foreign-currency', 'currency');
  const isForeign = currency !== (await home.get());
  const bodies: Body[] = [];
  for (const line of lines) bodies.push(newLine(line, { currency, taxCode: await codes.of(line) }));
  return {
    ...given(invoice),
    CustomerRef: { value: customer },
    ...(isForeign && { CurrencyRef: { value: currency } }),
    ...((await codes.areTold()) && { GlobalTaxCalculation: calculationOf(invoice, lines) }),
    Line: bodies,
  };
}

/**
 * A company outside the US is told how lines hold their tax. Which of its amounts a line has where they hold it is not
 * documented for sales, so that such an invoice is refused: added to its lines the tax would make another total.
 */
function calculationOf({ taxMinor, totalMinor }: Sent, lines: readonly LinePayload[]): string {
  const amount = lines.reduce((sum, line) => sum + line.amountMinor, 0);
  if (taxMinor && amount === totalMinor) throw refused('tax-inclusive', 'taxMinor');
  return 'TaxExcluded';
}

/** What no invoice can be made without. */
function needed({ customer, currency, lines, status }: Sent) {
  if (status === 'void') throw refused('invoice-void', 'status');
  if (!customer) throw refused('customer-missing', 'customerSourceId');
  if (currency === undefined) throw refused('currency-missing', 'currency');
  if (!lines || lines.length === 0) throw refused('lines-missing');
  return { customer, currency, lines };
}

/** QuickBooks' names of what is left to the company where it is empty. */
const LEFT_TO_COMPANY = { number: 'DocNumber', issuedOn: 'TxnDate', dueOn: 'DueDate' } as const;
type Left = keyof typeof LEFT_TO_COMPANY;

/** What is told of it and is not held already. */
const given = (wanted: Sent, held: Partial<InvoicePayload> = {}): Body =>
  Object.fromEntries(
    Object.entries(LEFT_TO_COMPANY).flatMap(([name, property]) => {
      const value = wanted[name as Left];
      return value && value !== held[name as Left] ? [[property, value]] : [];
    }),
  );

/** Only the properties that differ. What the venue has left empty stays as the company has it. */
async function changesTo(
  invoice: QuickBooksInvoice,
  wanted: Sent,
  { held, codes }: { readonly held: InvoicePayload; readonly codes: TaxCodes },
): Promise<Body> {
  const { customer, currency = held.currency, lines = held.lines } = wanted;
  if (held.status === 'void') {
    if ((wanted.status ?? 'void') !== 'void') throw refused('invoice-void', 'status');
    return {};
  }
  if (currency !== held.currency) throw refused('foreign-currency', 'currency');
  const hasLines = fitLines(lines, held.lines);
  const taxCodeOf = (line: LinePayload) => codes.of(line);
  return {
    ...given(wanted, held),
    ...(customer && customer !== held.customer && { CustomerRef: { value: customer } }),
    ...(!hasLines && { Line: await mergedLines(invoice, { wanted: lines, held: held.lines, currency, taxCodeOf }) }),
  };
}

/** Whether an invoice holds what is wanted of it. */
const fits = (wanted: Sent, held: InvoicePayload): boolean =>
  Object.keys(given(wanted, held)).length === 0 &&
  (!wanted.customer || wanted.customer === held.customer) &&
  (wanted.currency ?? held.currency) === held.currency &&
  fitLines(wanted.lines ?? held.lines, held.lines);

/** A number is unique, so that an invoice with it is the record's whatever else the record has become. */
const isMadeOf = (wanted: InvoicePayload, held: InvoicePayload): boolean =>
  wanted.number === null
    ? wanted.customer !== null && fits(wanted, held)
    : wanted.customer === null || wanted.customer === held.customer;

/**
 * An answer with what QuickBooks computes, and what the venue has left to it, as the record has it. Where the two differ,
 * the next run finds a change of QuickBooks' and brings it to the venue.
 */
function asAgreed(record: ProviderRecord, wanted: Sent): WrittenRecord {
  if (record.fields === null) return record;
  const { status, subtotalMinor, taxMinor, totalMinor, amountDueMinor } = wanted;
  const isOtherTotal = totalMinor !== undefined && totalMinor !== record.fields['totalMinor'] && status !== 'void';
  const computed = { status, subtotalMinor, taxMinor, totalMinor, amountDueMinor };
  const left = { number: wanted.number, issuedAt: wanted.issuedOn, dueAt: wanted.dueOn };
  return {
    ...record,
    ...(isOtherTotal && { notes: [TOTAL_DIFFERS] }),
    fields: {
      ...record.fields,
      ...Object.fromEntries(Object.entries(computed).filter(([, value]) => value !== undefined)),
      ...Object.fromEntries(Object.entries(left).filter(([, value]) => value === null)),
    },
  };
}

const TOTAL_DIFFERS: RecordNote = {
  code: 'total-differs',
  message: 'QuickBooks works the total out from the lines and its own tax rates, and has another one than the record.',
};
