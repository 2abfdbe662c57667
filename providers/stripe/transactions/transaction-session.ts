import type { Stripe } from 'stripe';
import { z } from 'zod';
import { idIn, rejectionOf } from '../../items.ts';
import type { ListQuery, ProviderPage, ProviderRecord, ProviderRejection, ResourceSession } from '../../provider.ts';
import { allPaymentsOf, amendmentsOf, arePaymentsComplete, retrieveInvoice, linesOf } from '../invoices/invoices.ts';
import type { PaymentAmendment } from '../invoices/invoices.ts';
import { Rereading, asToday, listEvents } from '../events.ts';
import type { ChangedObject } from '../events.ts';
import { createdWithin, startingAfter, toPage, versionOfEvent } from '../http/lists.ts';
import { PAGE_SIZE } from '../customers/names.ts';
import { nullWhenMissing } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { idOf, listSchema } from '../http/responses.ts';
import {
  chargeSchema,
  disputeSchema,
  invoiceEventSubject,
  invoiceLineSchema,
  invoiceSchema,
  movementSchema,
  paidIntentSchema,
  paymentIntentSchema,
  refundSchema,
  transactionEventSubject,
} from './transaction-responses.ts';
import type { StripeInvoice, StripeInvoicePayment, StripeMovement } from './transaction-responses.ts';
import {
  adjustmentRecord,
  chargeRecord,
  disputeRecord,
  ownSourceRecord,
  paymentIntentRecord,
  progressOf,
  refundRecord,
  sourceRecord,
} from './transactions.ts';

/** Stripe takes at most twenty types (https://docs.stripe.com/api/events/list, read 2026-11-21). */
export const TRANSACTION_EVENTS = [
  ...['captured', 'expired', 'failed', 'pending', 'refunded', 'succeeded', 'updated'].map((event) => `charge.${event}`),
  ...['closed', 'created', 'funds_reinstated', 'funds_withdrawn', 'updated'].map((event) => `charge.dispute.${event}`),
  ...['created', 'failed', 'updated'].map((event) => `refund.${event}`),
  // Creation is not listed: the list of payment intents tells it, in their present state.
  ...['amount_capturable_updated', 'canceled', 'payment_failed', 'processing', 'succeeded'].map(
    (event) => `payment_intent.${event}`,
  ),
];
export const PAID_INVOICE_EVENTS = ['invoice.paid', 'invoice_payment.paid'];

const EXPANDED_MOVEMENT = { expand: ['data.balance_transaction'] };
const EXPANDED_SOURCE = { expand: ['data.source'] };

interface Calls {
  readonly stripe: Stripe;
  readonly ask: Ask;
}

interface Reader extends Calls {
  /** Reads an object that events only said has changed. Null: gone, or no transaction. */
  readonly transactions: Rereading<ProviderRecord | null>;
  readonly invoices: Rereading<StripeInvoice | null>;
}

/** One of Stripe's lists: how it is requested and what its objects become. */
type ReadStream = (reader: Reader, query: ListQuery) => Promise<ProviderPage>;

const rangeOf = (query: ListQuery) => ({
  limit: PAGE_SIZE,
  created: createdWithin(query),
  ...startingAfter(query.after),
});

const STREAMS: Readonly<Record<string, ReadStream>> = {
  charges: listOf(chargeSchema, ({ charges }, range) => charges.list({ ...range, ...EXPANDED_MOVEMENT }), [
    teller(chargeRecord),
  ]),
  payment_intents: listOf(paymentIntentSchema, ({ paymentIntents }, range) => paymentIntents.list(range), [
    teller(paymentIntentRecord),
  ]),
  refunds: listOf(refundSchema, ({ refunds }, range) => refunds.list({ ...range, ...EXPANDED_MOVEMENT }), [
    teller(refundRecord),
  ]),
  disputes: listOf(disputeSchema, ({ disputes }, range) => disputes.list(range), [teller(disputeRecord)]),
  adjustments: listOf(
    movementSchema,
    ({ balanceTransactions }, range) => balanceTransactions.list({ ...range, ...EXPANDED_SOURCE }),
    [teller(adjustmentRecord)],
  ),
  balance_transactions: listOf(
    movementSchema,
    ({ balanceTransactions }, range) => balanceTransactions.list({ ...range, ...EXPANDED_SOURCE }),
    [{ idOf: sourceIdOf, tell: sourceRecord }, teller(adjustmentRecord)],
  ),
  // What moved, each on the day of its own movement.
  movements: listOf(
    movementSchema,
    ({ balanceTransactions }, range) => balanceTransactions.list({ ...range, ...EXPANDED_SOURCE }),
    [{ idOf: sourceIdOf, tell: ownSourceRecord }, teller(adjustmentRecord)],
  ),
  events: changedTransactions,
  invoices: listedInvoices,
  invoice_events: paidInvoices,
};

/**
 * By the id's prefix, or by the events about it. `py_` and `pyr_` are charges and refunds of methods other than cards.
 */
const RETRIEVALS: readonly {
  readonly id: RegExp;
  readonly events?: RegExp;
  readonly read: (calls: Calls, id: string, askedAtMs: number) => Promise<ProviderRecord | null>;
}[] = [
  {
    id: /^(ch|py)_/,
    events: /^charge\.(?!dispute\.)/,
    read: async ({ stripe, ask }, id, askedAtMs) =>
      chargeRecord(
        await ask(chargeSchema, () => stripe.charges.retrieve(id, { expand: ['balance_transaction'] })),
        ask.versionOf(askedAtMs),
      ),
  },
  {
    id: /^pi_/,
    events: /^payment_intent\./,
    read: async ({ stripe, ask }, id, askedAtMs) =>
      paymentIntentRecord(
        await ask(paymentIntentSchema, () => stripe.paymentIntents.retrieve(id)),
        ask.versionOf(askedAtMs),
      ),
  },
  {
    id: /^(re|pyr)_/,
    events: /^refund\./,
    read: async ({ stripe, ask }, id, askedAtMs) =>
      refundRecord(
        await ask(refundSchema, () => stripe.refunds.retrieve(id, { expand: ['balance_transaction'] })),
        ask.versionOf(askedAtMs),
      ),
  },
  {
    id: /^(dp|du)_/,
    events: /^charge\.dispute\./,
    read: async ({ stripe, ask }, id, askedAtMs) =>
      disputeRecord(await ask(disputeSchema, () => stripe.disputes.retrieve(id)), ask.versionOf(askedAtMs)),
  },
  {
    id: /^txn_/,
    read: async ({ stripe, ask }, id, askedAtMs) =>
      adjustmentRecord(
        await ask(movementSchema, () => stripe.balanceTransactions.retrieve(id, { expand: ['source'] })),
        ask.versionOf(askedAtMs),
      ),
  },
];

export function createTransactionSession(stripe: Stripe, ask: Ask): ResourceSession {
  const calls = { stripe, ask };
  const read = async (
    retrieval: (typeof RETRIEVALS)[number] | undefined,
    externalId: string,
  ): Promise<ProviderRecord | null> =>
    retrieval ? nullWhenMissing(retrieval.read(calls, externalId, Date.now())) : null;
  const reread = ({ id, type }: ChangedObject) =>
    read(
      RETRIEVALS.find(({ events }) => events?.test(type)),
      id,
    );
  const reader: Reader = {
    ...calls,
    transactions: new Rereading(ask, reread),
    invoices: new Rereading(ask, (changed) => rereadInvoice(calls, changed)),
  };
  return {
    listPage(query) {
      const readStream = STREAMS[query.stream];
      if (!readStream) throw new Error(`stripe has no list ${query.stream} of transactions`);
      return readStream(reader, query);
    },

    // Transactions come from five lists, of which Stripe counts two.
    count: () => Promise.resolve(null),

    versionOf: ask.versionOf,

    async retrieve(externalId) {
      const record = await read(
        RETRIEVALS.find(({ id }) => id.test(externalId)),
        externalId,
      );
      return record?.deleted ? null : record;
    },

    /** Invoices name the payment intent of a payment, whose record is that of its latest charge. */
    retrieveAmended: (intent) => nullWhenMissing(readLatestCharge(calls, intent)),

    writer: null,
  };
}

async function readLatestCharge({ stripe, ask }: Calls, intent: string): Promise<ProviderRecord | null> {
  const askedAtMs = Date.now();
  const { latest_charge: charge } = await ask(paidIntentSchema, () =>
    stripe.paymentIntents.retrieve(intent, { expand: ['latest_charge.balance_transaction'] }),
  );
  return charge && chargeRecord(charge, ask.versionOf(askedAtMs));
}

type Range = ReturnType<typeof rangeOf>;
type Told = readonly ProviderRecord[];
interface Positioned {
  readonly id: string;
  readonly created: number;
}

function listOf<Schema extends z.ZodType<Positioned>>(
  schema: Schema,
  list: (stripe: Stripe, range: Range) => Promise<Stripe.Response<object>>,
  tellers: readonly Teller<z.output<Schema>>[],
): ReadStream {
  return async ({ stripe, ask }, query) => {
    const askedAtMs = Date.now();
    const page = await ask(listSchema(schema), () => list(stripe, rangeOf(query)));
    const version = ask.versionOf(askedAtMs);
    const { records, rejections } = tellEach(
      page.data.flatMap((object) =>
        tellers.map(({ idOf: externalIdOf, tell }) => ({
          id: externalIdOf(object),
          tell: () => tell(object, version),
        })),
      ),
    );
    return rejecting(rejections, toPage(page, newestOfEach(records)));
  };
}

/** How an object becomes a record, and that record's id. */
interface Teller<Item> {
  readonly idOf: (object: Item) => string;
  readonly tell: (object: Item, version: number) => ProviderRecord | null;
}

function teller<Item extends Positioned>(tell: Teller<Item>['tell']): Teller<Item> {
  return { idOf: ({ id }) => id, tell };
}

function sourceIdOf({ id, source }: StripeMovement): string {
  return source === null || typeof source === 'string' ? id : source.id;
}

/** An object whose money cannot be represented becomes a rejection. */
function tellEach(objects: readonly { readonly id: string; readonly tell: () => ProviderRecord | null }[]): {
  readonly records: Told;
  readonly rejections: readonly ProviderRejection[];
} {
  const rejections: ProviderRejection[] = [];
  const records = objects.flatMap(({ id, tell }) => {
    try {
      return tell() ?? [];
    } catch (error) {
      rejections.push(rejectionOf(id, error));
      return [];
    }
  });
  return { records, rejections };
}

/**
 * Objects in their state at each event, without their fee. Of payment intents only the final states are taken; the list
 * `payment_intents` tells the rest.
 */
async function changedTransactions(reader: Reader, query: ListQuery): Promise<ProviderPage> {
  const page = await listEvents(reader, query, { types: TRANSACTION_EVENTS, read: asToday(transactionEventSubject) });
  const { found, rejections } = await reader.transactions.readEach(page.changed);
  const told = tellEach(
    page.told.map(({ created, object }) => ({
      id: object.id,
      tell: () => eventRecord(object, versionOfEvent(created) + progressOf(object)),
    })),
  );
  return rejecting(
    [...rejections, ...told.rejections],
    toPage(page, newestOfEach([...found.filter((record) => record !== null), ...told.records])),
  );
}

export function eventRecord(object: z.output<typeof transactionEventSubject>, version: number): ProviderRecord | null {
  switch (object.object) {
    case 'charge':
      return chargeRecord(object, version);
    case 'refund':
      return refundRecord(object, version);
    case 'dispute':
      return disputeRecord(object, version);
    case 'payment_intent':
      return object.latest_charge !== null || object.status === 'canceled'
        ? paymentIntentRecord(object, version)
        : null;
  }
}

const rejecting = (rejections: readonly ProviderRejection[], page: ProviderPage): ProviderPage => ({
  ...page,
  rejections: [...(page.rejections ?? []), ...rejections],
});

/** One reading per record and page; of equal versions the first, which is newer. */
function newestOfEach(records: Told): Told {
  const newest = new Map<string, ProviderRecord>();
  for (const record of records) {
    const seen = newest.get(record.externalId);
    if (!seen || record.version > seen.version) newest.set(record.externalId, record);
  }
  return [...newest.values()];
}

/** Amendments from a page of invoices; an invoice with over ten lines takes one more call. */
async function listedInvoices(reader: Reader, query: ListQuery): Promise<ProviderPage> {
  const { stripe, ask } = reader;
  const page = await ask(listSchema(invoiceSchema), () =>
    stripe.invoices.list({ ...rangeOf(query), expand: ['data.payments'] }),
  );
  const told = new ToldInvoices();
  for (const invoice of page.data)
    await told.add(invoice.id, async () => amend(reader, invoice, await allPaymentsOf(stripe, ask, invoice)));
  return told.onto(toPage(page, []));
}

/**
 * An invoice's event does not name its payments, nor a payment's event its invoice; usually they arrive together. An
 * invoice whose payments are not all on the page, or are not trusted, takes one call.
 */
async function paidInvoices(reader: Reader, query: ListQuery): Promise<ProviderPage> {
  const page = await listEvents(reader, query, { types: PAID_INVOICE_EVENTS, read: asToday(invoiceEventSubject) });
  const changed = new Map(page.changed.map((each) => [invoiceIdOf(each), each]));
  const told = new ToldInvoices();
  for (const [id, { invoice, payments, changedAtS }] of byInvoice(page.told)) {
    if (invoice && arePaymentsComplete(invoice, payments) && !changed.has(id))
      await told.add(id, () => amend(reader, invoice, payments));
    else if (!changed.has(id)) changed.set(id, { id, type: 'invoice.paid', object: null, changedAtS });
  }
  const { found, rejections } = await reader.invoices.readEach([...changed].map(([id, each]) => ({ ...each, id })));
  for (const invoice of found)
    if (invoice)
      await told.add(invoice.id, async () =>
        amend(reader, invoice, await allPaymentsOf(reader.stripe, reader.ask, invoice)),
      );
  return rejecting(rejections, told.onto(toPage(page, [])));
}

const invoiceOfPayment = z.object({ invoice: idOf });

/** The invoice's own id or the one that its payment names; the payment's id when it names none. */
const isOfPayment = ({ type }: Pick<ChangedObject, 'type'>) => type.startsWith('invoice_payment.');
const invoiceIdOf = ({ id, object, ...changed }: ChangedObject): string =>
  isOfPayment(changed) ? (invoiceOfPayment.safeParse(object).data?.invoice ?? id) : id;

async function rereadInvoice({ stripe, ask }: Calls, changed: ChangedObject): Promise<StripeInvoice | null> {
  const { id, object } = changed;
  const isPayment = isOfPayment(changed) && id === idIn(object);
  return nullWhenMissing(
    isPayment
      ? ask(invoiceOfPayment, () => stripe.invoicePayments.retrieve(id)).then(({ invoice }) =>
          retrieveInvoice(stripe, ask, invoice),
        )
      : retrieveInvoice(stripe, ask, id),
  );
}

/**
 * Amendments from the invoices of a page. An invoice that is unreadable, or has an unreadable line, becomes a
 * rejection.
 */
class ToldInvoices {
  readonly #amendments: PaymentAmendment[] = [];
  readonly #rejections: ProviderRejection[] = [];

  async add(externalId: string, tell: () => Promise<readonly PaymentAmendment[]>): Promise<void> {
    try {
      this.#amendments.push(...(await tell()));
    } catch (error) {
      this.#rejections.push(rejectionOf(externalId, error));
    }
  }

  onto(page: ProviderPage): ProviderPage {
    return { ...page, amendments: this.#amendments, rejections: [...(page.rejections ?? []), ...this.#rejections] };
  }
}

interface InvoiceParts {
  readonly invoice: StripeInvoice | null;
  readonly payments: readonly StripeInvoicePayment[];
  readonly changedAtS: number;
}

/** The feed is newest first, so the first event of an invoice shows its present state. */
function byInvoice(
  events: readonly { readonly created: number; readonly object: StripeInvoice | StripeInvoicePayment }[],
): ReadonlyMap<string, InvoiceParts> {
  const parts = new Map<string, InvoiceParts>();
  for (const { created, object: subject } of events) {
    const id = subject.object === 'invoice' ? subject.id : subject.invoice;
    const { invoice, payments, changedAtS } = parts.get(id) ?? { invoice: null, payments: [], changedAtS: created };
    parts.set(
      id,
      subject.object === 'invoice'
        ? { invoice: invoice ?? subject, payments, changedAtS }
        : { invoice, payments: [...payments, subject], changedAtS },
    );
  }
  return parts;
}

async function amend(
  { stripe, ask }: Reader,
  invoice: StripeInvoice,
  payments: readonly StripeInvoicePayment[],
): Promise<readonly PaymentAmendment[]> {
  if (amendmentsOf(invoice, payments).length === 0) return [];
  const data = await linesOf({ stripe, ask }, invoice, invoiceLineSchema);
  return amendmentsOf({ ...invoice, lines: { data, has_more: false } }, payments);
}
