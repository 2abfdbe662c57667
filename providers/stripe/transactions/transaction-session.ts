import type { Stripe } from 'stripe';
import type { z } from 'zod';
import { rejectionOf } from '../../items.ts';
import type { ListQuery, ProviderPage, ProviderRecord, ProviderRejection, ResourceSession } from '../../provider.ts';
import { Rereading, asToday, listEvents } from '../events.ts';
import type { ChangedObject } from '../events.ts';
import { toPage, versionOfEvent } from '../http/lists.ts';
import { nullWhenMissing } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { listSchema } from '../http/responses.ts';
import { listedInvoices, paidInvoices, rangeOf, rejecting, rereadInvoice } from './payment-invoices.ts';
import type { Calls, PaymentInvoices } from './payment-invoices.ts';
import {
  chargeSchema,
  disputeSchema,
  movementSchema,
  paidIntentSchema,
  paymentIntentSchema,
  refundSchema,
  transactionEventSubject,
} from './transaction-responses.ts';
import type { StripeMovement } from './transaction-responses.ts';
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

const EXPANDED_MOVEMENT = { expand: ['data.balance_transaction'] };
const EXPANDED_SOURCE = { expand: ['data.source'] };

interface Reader extends PaymentInvoices {
  /** Reads an object that events only said has changed. Null: gone, or no transaction. */
  readonly transactions: Rereading<ProviderRecord | null>;
}

/** One of Stripe's lists: how it is requested and what its objects become. */
type ReadStream = (reader: Reader, query: ListQuery) => Promise<ProviderPage>;

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
  const pageSchema = listSchema(schema);
  return async ({ stripe, ask }, query) => {
    const askedAtMs = Date.now();
    const page = await ask(pageSchema, () => list(stripe, rangeOf(query)));
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

/** One reading per record and page; of equal versions the first, which is newer. */
function newestOfEach(records: Told): Told {
  const newest = new Map<string, ProviderRecord>();
  for (const record of records) {
    const seen = newest.get(record.externalId);
    if (!seen || record.version > seen.version) newest.set(record.externalId, record);
  }
  return [...newest.values()];
}
