import { z } from 'zod';
import { nullableText } from '../../items.ts';
import type { InvoiceFields, InvoiceLine, InvoiceStatus } from '../../../records/invoices.ts';
import { minorDigitsOf } from '../../../domain/reference/currencies.ts';
import type {
  ListQuery,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceMapping,
  ResourceSession,
} from '../../provider.ts';
import { readOnlyMapping } from '../../read-only-mapping.ts';
import { nullWhenMissing, unreadableObject } from '../http/ask.ts';
import type { Ask } from '../http/ask.ts';
import { listSchema, orNull, SQUARE_METADATA, squareList, toPage, versionNumber, withoutEmpty } from '../http/lists.ts';
import { AFTER_EXPIRY, placeAfter, placeOf } from '../http/locations.ts';
import type { ChosenLocations, Place } from '../http/locations.ts';
import { moneySchema } from '../http/money.ts';
import type { SquareMoney } from '../http/money.ts';
import { describeLine, readOrders, splitByOrder } from '../orders/orders.ts';
import type { SquareOrder, SquareOrderLine } from '../orders/orders.ts';

/** Half of Square's maximum, so that a page's orders take one call. */
const PAGE_SIZE = 100;

/**
 * Square's invoice search takes one location and no time
 * (https://developer.squareup.com/reference/square/invoices-api/search-invoices, read 2026-11-28), so each pull reads
 * all invoices.
 */
export const invoicePullPlan: PullPlan = {
  listing: [[squareList('invoices', AFTER_EXPIRY)]],
  changes: null,
  mayVanish: true,
  dates: ['beginnings'],
};

export const invoiceMapping: ResourceMapping = { ...readOnlyMapping, holdings: { metadata: SQUARE_METADATA } };

/**
 * https://developer.squareup.com/reference/square/objects/Invoice, read 2026-11-28. Only the fields that are used here.
 */
const invoiceSchema = z.object({
  id: z.string().min(1),
  version: versionNumber,
  created_at: z.iso.datetime({ offset: true }),
  scheduled_at: orNull(z.iso.datetime({ offset: true })),
  status: z.enum([
    'DRAFT',
    'SCHEDULED',
    'UNPAID',
    'PARTIALLY_PAID',
    'PAYMENT_PENDING',
    'PAID',
    'PARTIALLY_REFUNDED',
    'REFUNDED',
    'CANCELED',
    'FAILED',
  ]),
  invoice_number: nullableText,
  title: nullableText,
  location_id: nullableText,
  order_id: nullableText,
  primary_recipient: orNull(z.object({ customer_id: nullableText })),
  payment_requests: z
    .array(
      z.object({
        due_date: orNull(z.iso.date()),
        computed_amount_money: moneySchema,
        total_completed_amount_money: orNull(moneySchema),
      }),
    )
    .min(1),
});
type SquareInvoice = z.output<typeof invoiceSchema>;

const invoicePage = listSchema('invoices', invoiceSchema);
const oneInvoice = z.object({ invoice: invoiceSchema });

export function createInvoiceSession(ask: Ask, chosen: ChosenLocations): ResourceSession {
  return {
    listPage: async (query) => listInvoices(ask, query, await placeOf(ask, query.after, chosen)),
    // Square offers no count of invoices.
    count: () => Promise.resolve(null),
    versionOf: (askedAtMs) => askedAtMs,
    async retrieve(externalId) {
      const path = `/v2/invoices/${encodeURIComponent(externalId)}`;
      const answer = await nullWhenMissing(ask(oneInvoice, { method: 'GET', path, isOneObject: true }));
      if (!answer) return null;
      const orders = await readOrders(ask, [answer.invoice.order_id]);
      const { told, broken } = splitByOrder([answer.invoice], orders);
      if (broken[0]) throw unreadableObject(broken[0].issues);
      return told[0] ? toRecord(told[0], orders.orders.get(told[0].order_id ?? '') ?? null) : null;
    },
    writer: null,
  };
}

async function listInvoices(ask: Ask, query: ListQuery, place: Place | null): Promise<ProviderPage> {
  if (place === null) return { records: [], after: null, pageSize: PAGE_SIZE, positions: [] };
  const body = {
    query: {
      filter: { location_ids: [place.location] },
      sort: { field: 'INVOICE_SORT_DATE', order: 'ASC' },
    },
    limit: PAGE_SIZE,
    ...(place.cursor !== null && { cursor: place.cursor }),
  };
  const page = await ask(invoicePage, { method: 'POST', path: '/v2/invoices/search', body });
  const orders = await readOrders(
    ask,
    page.items.map(({ order_id: id }) => id),
  );
  const { told, broken } = splitByOrder(page.items.filter(isWithin(query)), orders);
  const records = told.map((invoice) => toRecord(invoice, orders.orders.get(invoice.order_id ?? '') ?? null));
  const read = toPage({ ...page, unreadable: [...page.unreadable, ...broken] }, records, PAGE_SIZE);
  return { ...read, after: placeAfter(place, page.after) };
}

const isWithin =
  ({ fromEpochS, toEpochS }: ListQuery) =>
  ({ created_at: at }: SquareInvoice): boolean => {
    const atS = Date.parse(at) / 1_000;
    return atS >= (fromEpochS ?? -Infinity) && atS < toEpochS;
  };

/**
 * https://developer.squareup.com/reference/square/enums/InvoiceStatus, read 2026-11-28. Square has stopped a failed
 * invoice.
 */
const STATUS: Readonly<Record<SquareInvoice['status'], InvoiceStatus>> = {
  DRAFT: 'draft',
  SCHEDULED: 'open',
  UNPAID: 'open',
  PARTIALLY_PAID: 'open',
  PAYMENT_PENDING: 'open',
  PAID: 'paid',
  PARTIALLY_REFUNDED: 'paid',
  REFUNDED: 'paid',
  CANCELED: 'void',
  FAILED: 'void',
};

function toRecord(invoice: SquareInvoice, order: SquareOrder | null): ProviderRecord {
  const lines = order?.line_items ?? [];
  const fields: InvoiceFields = {
    number: invoice.invoice_number,
    status: STATUS[invoice.status],
    ...datesOf(invoice),
    customerSourceId: null,
    ...moneyOf(invoice, order?.total_tax_money ?? null),
    lines: lines.map(toLine),
    metadata: withoutEmpty({
      square_order_id: invoice.order_id,
      square_location_id: invoice.location_id,
      square_title: invoice.title,
      square_status: invoice.status,
    }),
  };
  return {
    externalId: invoice.id,
    version: invoice.version,
    deleted: false,
    beganAtMs: Date.parse(invoice.created_at),
    recordId: null,
    fields,
    refs: { customer: invoice.primary_recipient?.customer_id ?? null },
    listRefs: { product: lines.map(({ catalog_object_id: variation }) => variation) },
  };
}

/** A due date has no time zone; it is stored as its first instant in UTC. */
function datesOf({
  status,
  scheduled_at: scheduledAt,
  created_at: createdAt,
  payment_requests: requests,
}: SquareInvoice) {
  const dueOn = requests
    .flatMap(({ due_date: date }) => date ?? [])
    .sort()
    .at(-1);
  return {
    issuedAt: status === 'DRAFT' ? null : new Date(scheduledAt ?? createdAt).toISOString(),
    dueAt: dueOn === undefined ? null : `${dueOn}T00:00:00.000Z`,
  };
}

function moneyOf({ payment_requests: requests, status }: SquareInvoice, tax: SquareMoney | null) {
  const totalMinor = sumOf(requests.map(({ computed_amount_money: money }) => money));
  const paidMinor = sumOf(requests.flatMap(({ total_completed_amount_money: money }) => money ?? []));
  const isDue = STATUS[status] === 'open' || STATUS[status] === 'draft';
  return {
    currency: requests[0]?.computed_amount_money.currency ?? '',
    // Square does not say which taxes the prices include.
    subtotalMinor: tax?.amount === 0 ? totalMinor : null,
    taxMinor: tax && tax.amount,
    totalMinor,
    amountDueMinor: isDue ? Math.max(0, totalMinor - paidMinor) : 0,
  };
}

const sumOf = (moneys: readonly SquareMoney[]): number => moneys.reduce((sum, { amount }) => sum + amount, 0);

const toLine = (line: SquareOrderLine): InvoiceLine => ({
  description: describeLine(line),
  quantity: line.quantity,
  unitAmount: line.base_price_money && decimalOf(line.base_price_money),
  amountMinor: line.total_money.amount,
  taxMinor: line.total_tax_money?.amount ?? null,
  productSourceId: null,
});

/** An amount in the currency's main unit, converted digit by digit: it never becomes a floating-point number. */
export function decimalOf({ amount, currency }: SquareMoney): string {
  const digits = minorDigitsOf(currency) ?? 0;
  const text = String(Math.abs(amount)).padStart(digits + 1, '0');
  const sign = amount < 0 ? '-' : '';
  return digits === 0 ? `${sign}${text}` : `${sign}${text.slice(0, -digits)}.${text.slice(-digits)}`;
}
