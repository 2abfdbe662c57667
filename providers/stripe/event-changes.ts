import { z } from 'zod';
import { idIn } from '../items.ts';
import type { EventChange, ReadChanges } from '../kit/webhook-definition.ts';
import type { ProviderRecord } from '../provider.ts';
import { CUSTOMER_EVENTS, readCustomerEvent, toCustomerRecord } from './customers/customers.ts';
import { API_VERSION } from './customers/names.ts';
import { asToday } from './events.ts';
import type { RawEvent } from './events.ts';
import { dated, versionOfEvent } from './http/lists.ts';
import { eventSchema } from './http/responses.ts';
import { wholeInvoiceSchema } from './invoices/invoice-responses.ts';
import { INVOICE_DELETED, INVOICE_EVENTS, goneInvoice, toInvoiceRecord } from './invoices/invoice-session.ts';
import { productEventSubject } from './products/product-responses.ts';
import { PRODUCT_DELETED, PRODUCT_EVENTS, deletedProduct, productIdOf } from './products/product-session.ts';
import { transactionEventSubject } from './transactions/transaction-responses.ts';
import { PAID_INVOICE_EVENTS } from './transactions/payment-invoices.ts';
import { TRANSACTION_EVENTS, eventRecord } from './transactions/transaction-session.ts';
import { progressOf } from './transactions/transactions.ts';

interface StripeEvent extends RawEvent {
  readonly createdS: number;
}

/** How an event tells the object of one resource: the record, the id of what has to be read, or null for neither. */
type ReadEvent = (event: StripeEvent) => ProviderRecord | string | null;

interface EventReader {
  readonly resource: string;
  readonly types: readonly string[];
  readonly read: ReadEvent;
}

/** Types that the change feed leaves to the list of payment intents: no event of it may say more than twenty types. */
const FURTHER_INTENT_EVENTS = ['created', 'partially_funded', 'requires_action'].map(
  (event) => `payment_intent.${event}`,
);

const READERS: readonly EventReader[] = [
  {
    resource: 'customers',
    types: CUSTOMER_EVENTS,
    read: (event) => {
      const told = readCustomerEvent(event);
      return told && dated(toCustomerRecord(told, versionOfEvent(event.createdS)), event.createdS);
    },
  },
  { resource: 'products', types: PRODUCT_EVENTS, read: readProduct },
  { resource: 'invoices', types: INVOICE_EVENTS, read: readInvoice },
  { resource: 'transactions', types: [...TRANSACTION_EVENTS, ...FURTHER_INTENT_EVENTS], read: readTransaction },
];

/** Types of events about objects that a resource syncs. */
export const CHANGE_EVENTS: readonly string[] = [...READERS.flatMap(({ types }) => types), ...PAID_INVOICE_EVENTS];

const readEvent = eventSchema(z.unknown());
/** Seconds before an event from which the change feed is read for it. */
const FEED_OVERLAP_S = 5;

/**
 * What an event says. Its object is trusted only in the API version and shape of this adapter, as in the change feed;
 * otherwise the object is read again. A second is the resolution of an event's time: a reading of that second may be
 * later than the event.
 */
export const stripeChangesIn: ReadChanges = (raw) => {
  const { data: event } = readEvent.safeParse(raw);
  if (!event) return [];
  const { type, created: createdS, api_version: version, data } = event;
  const told = { type, createdS, isCurrent: version === API_VERSION, object: data.object };
  const changes = READERS.flatMap((reader) => (reader.types.includes(type) ? changeIn(reader, told) : []));
  const streams = [
    ...(PAID_INVOICE_EVENTS.includes(type) ? ['invoice_events'] : []),
    ...(movesMoney(told) ? ['adjustments'] : []),
  ];
  return streams.length === 0 ? changes : [...changes, transactionsSince(createdS, streams)];
};

/**
 * Events after which money has moved that no object of theirs accounts for. A balance transaction has no event of its
 * own (https://docs.stripe.com/api/events/types, read 2026-11-29), so those since the event are listed.
 */
const MOVING_EVENTS = ['charge.dispute.funds_reinstated', 'refund.failed'];
/** Null for a declined payment, which has moved nothing: "the reversal of the balance" (stripe 23.1.0, Charge). */
const returnedCharge = z.object({ failure_balance_transaction: z.string() });

function movesMoney({ type, isCurrent, object }: StripeEvent): boolean {
  if (type === 'charge.failed') return !isCurrent || returnedCharge.safeParse(object).success;
  return MOVING_EVENTS.includes(type);
}

function changeIn({ resource, read }: EventReader, event: StripeEvent): readonly EventChange[] {
  const told = read(event) ?? idIn(event.object);
  if (told === null) return [];
  if (typeof told === 'string') return [{ resource, says: 'refetch', externalId: told }];
  return [{ resource, says: 'object', record: told, doubtfulFrom: versionOfEvent(event.createdS) - 1 }];
}

/**
 * Lists of the change feed since an event. What an invoice tells of its payments is told by several objects, which
 * `invoice_events` puts together.
 */
const transactionsSince = (createdS: number, streams: readonly string[]): EventChange => ({
  resource: 'transactions',
  says: 'refetch-since',
  streams,
  sinceEpochS: createdS - FEED_OVERLAP_S,
});

/** A product's event has its price's id without the amount, so only a deletion is complete. */
function readProduct({ type, createdS, object }: StripeEvent): ProviderRecord | string | null {
  const { data: subject } = productEventSubject.safeParse(object);
  if (!subject) return null;
  if (type === PRODUCT_DELETED && subject.object === 'product') return deletedProduct(subject, createdS);
  return productIdOf(subject);
}

function readInvoice(event: StripeEvent): ProviderRecord | null {
  const { type, createdS, object } = event;
  const version = versionOfEvent(createdS);
  const id = idIn(object);
  if (type === INVOICE_DELETED) return id === null ? null : dated(goneInvoice(id, version), createdS);
  const invoice = asToday(wholeInvoiceSchema)(event);
  if (!invoice || invoice.lines.has_more) return null;
  return orNull(() => toInvoiceRecord(invoice, version));
}

/** A charge or refund has its movement's id without the fee, so it is read again once it has moved money. */
function readTransaction(event: StripeEvent): ProviderRecord | null {
  const subject = asToday(transactionEventSubject)(event);
  if (!subject) return null;
  if ('balance_transaction' in subject && typeof subject.balance_transaction === 'string') return null;
  return orNull(() => eventRecord(subject, versionOfEvent(event.createdS) + progressOf(subject)));
}

/** An object that cannot be represented is read again, so that it is refused in the way of every other reading. */
function orNull(tell: () => ProviderRecord | null): ProviderRecord | null {
  try {
    return tell();
  } catch {
    return null;
  }
}
