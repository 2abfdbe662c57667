import type { Stripe } from 'stripe';
import type { InvoiceFields, InvoiceLine } from '../../../records/invoices.ts';
import { fewAtATime } from '../../http/few-at-a-time.ts';
import { rejectionOf } from '../../items.ts';
import { readOnlyMapping } from '../../read-only-mapping.ts';
import type {
  ListQuery,
  ProviderPage,
  ProviderRecord,
  PullPlan,
  ResourceMapping,
  ResourceSession,
} from '../../provider.ts';
import { tellable, toMainUnits } from '../transactions/amounts.ts';
import { Rereading, asToday, listEvents } from '../events.ts';
import { wholeInvoiceSchema, wholeLineSchema } from './invoice-responses.ts';
import type { StripeWholeInvoice, StripeWholeLine } from './invoice-responses.ts';
import { linesOf } from './invoices.ts';
import {
  createdWithin,
  dated,
  startingAfter,
  stripeChanges,
  stripeList,
  toPage,
  versionOfEvent,
} from '../http/lists.ts';
import { PAGE_SIZE } from '../customers/names.ts';
import { nullWhenMissing } from '../http/requests.ts';
import type { Ask } from '../http/requests.ts';
import { listSchema } from '../http/responses.ts';

/** Drafts can be deleted. */
export const invoicePullPlan: PullPlan = {
  listing: [[stripeList('invoices')]],
  changes: stripeChanges([['events']]),
  mayVanish: true,
  dates: ['beginnings'],
};

/** Stripe holds an invoice's metadata, but nothing writes there what a venue adds to its record. */
export const invoiceMapping: ResourceMapping = { ...readOnlyMapping, holdings: { metadata: 'told' } };

export const INVOICE_DELETED = 'invoice.deleted';
export const INVOICE_EVENTS = [
  ...[
    'created',
    'finalized',
    'marked_uncollectible',
    'overdue',
    'overpaid',
    'paid',
    'payment_action_required',
    'payment_failed',
    'payment_succeeded',
    'sent',
    'updated',
    'voided',
  ].map((event) => `invoice.${event}`),
  INVOICE_DELETED,
];

const wholeInvoicePage = listSchema(wholeInvoiceSchema);
/** Invoices of a page with more lines than it includes are completed a few at a time. */
const AT_ONCE = 4;

export function createInvoiceSession(stripe: Stripe, ask: Ask): ResourceSession {
  const read = async (externalId: string): Promise<ProviderRecord> => {
    const askedAtMs = Date.now();
    const found = await nullWhenMissing(ask(wholeInvoiceSchema, () => stripe.invoices.retrieve(externalId)));
    const version = ask.versionOf(askedAtMs);
    return found ? toInvoiceRecord(await complete(found), version) : goneInvoice(externalId, version);
  };
  const complete = async (invoice: StripeWholeInvoice): Promise<StripeWholeInvoice> => {
    if (!invoice.lines.has_more) return invoice;
    return { ...invoice, lines: { data: await linesOf({ stripe, ask }, invoice, wholeLineSchema), has_more: false } };
  };
  /** An invoice that cannot be represented becomes a rejection. */
  const tellEach = async (
    told: readonly { readonly id: string; readonly tell: () => Promise<ProviderRecord> }[],
  ): Promise<Pick<Required<ProviderPage>, 'records' | 'rejections'>> => {
    const outcomes = await fewAtATime(told, AT_ONCE, async ({ id, tell }) => {
      try {
        return { record: await tell() };
      } catch (error) {
        return { rejection: rejectionOf(id, error) };
      }
    });
    return {
      records: outcomes.flatMap(({ record }) => record ?? []),
      rejections: outcomes.flatMap(({ rejection }) => rejection ?? []),
    };
  };
  const changed = new Rereading(ask, ({ id, type }) =>
    type === INVOICE_DELETED ? Promise.resolve(goneInvoice(id, ask.versionOf(Date.now()))) : read(id),
  );

  async function changedInvoices(query: ListQuery): Promise<ProviderPage> {
    const page = await listEvents({ stripe, ask }, query, {
      types: INVOICE_EVENTS,
      read: (event) => withType(event.type, asToday(wholeInvoiceSchema)(event)),
    });
    const { found, rejections } = await changed.readEach(page.changed);
    const told = await tellEach(
      newestOfEach(page.told).map(({ created, object: { type, invoice } }) => ({
        id: invoice.id,
        tell: async () =>
          type === INVOICE_DELETED
            ? dated(goneInvoice(invoice.id, versionOfEvent(created)), created)
            : toInvoiceRecord(await complete(invoice), versionOfEvent(created)),
      })),
    );
    const listed = toPage(page, [...found, ...told.records]);
    return { ...listed, rejections: [...(listed.rejections ?? []), ...rejections, ...told.rejections] };
  }

  return {
    async listPage(query) {
      if (query.stream === 'events') return changedInvoices(query);
      const askedAtMs = Date.now();
      const page = await ask(wholeInvoicePage, () =>
        stripe.invoices.list({ limit: PAGE_SIZE, created: createdWithin(query), ...startingAfter(query.after) }),
      );
      const version = ask.versionOf(askedAtMs);
      const { records, rejections } = await tellEach(
        page.data.map((invoice) => ({
          id: invoice.id,
          tell: async () => toInvoiceRecord(await complete(invoice), version),
        })),
      );
      const listed = toPage(page, records);
      return { ...listed, rejections: [...(listed.rejections ?? []), ...rejections] };
    },

    // A search would miscount invoices of the last minute, and nothing depends on the count.
    count: () => Promise.resolve(null),

    versionOf: ask.versionOf,

    async retrieve(externalId) {
      const found = await read(externalId);
      return found.deleted ? null : found;
    },

    writer: null,
  };
}

const withType = (type: string, invoice: StripeWholeInvoice | null) => invoice && { type, invoice };

/** Events of one second arrive newest first. */
function newestOfEach<Told extends { readonly object: { readonly invoice: StripeWholeInvoice } }>(
  told: readonly Told[],
): readonly Told[] {
  const seen = new Set<string>();
  return told.filter(({ object: { invoice } }) => !seen.has(invoice.id) && seen.add(invoice.id));
}

export function goneInvoice(externalId: string, version: number): ProviderRecord {
  return { externalId, version, deleted: true, recordId: null, fields: null };
}

/** Throws for money that ISO 4217 minor units cannot represent. */
export function toInvoiceRecord(invoice: StripeWholeInvoice, version: number): ProviderRecord {
  const { currency, customer, due_date: dueAt, status_transitions: since } = invoice;
  const minor = (field: string, amount: number) => tellable(field, { amount, currency }).amountMinor;
  const fields: InvoiceFields = {
    number: invoice.number,
    status: invoice.status,
    issuedAt: timeOf(since.finalized_at),
    dueAt: timeOf(dueAt),
    customerSourceId: null,
    currency: tellable('total', { amount: invoice.total, currency }).currency,
    subtotalMinor: minor('subtotal', invoice.subtotal),
    taxMinor: minor('total_taxes', sumOf(invoice.total_taxes)),
    totalMinor: minor('total', invoice.total),
    amountDueMinor: minor('amount_remaining', invoice.amount_remaining),
    lines: invoice.lines.data.map(toLine),
    metadata: invoice.metadata,
  };
  return {
    externalId: invoice.id,
    version,
    deleted: false,
    beganAtMs: invoice.created * 1_000,
    recordId: null,
    fields,
    refs: { customer, related: null, payment: null },
    listRefs: { product: invoice.lines.data.map(({ pricing }) => pricing?.price_details.product ?? null) },
  };
}

function toLine({ amount, currency, description, pricing, quantity, taxes }: StripeWholeLine): InvoiceLine {
  return {
    description,
    quantity: quantity === null ? null : String(quantity),
    unitAmount: pricing?.unit_amount_decimal == null ? null : toMainUnits(pricing.unit_amount_decimal, currency),
    amountMinor: tellable('lines.data.amount', { amount, currency }).amountMinor,
    taxMinor: tellable('lines.data.taxes', { amount: sumOf(taxes), currency }).amountMinor,
    productSourceId: null,
  };
}

const sumOf = (taxes: readonly { readonly amount: number }[]) => taxes.reduce((sum, { amount }) => sum + amount, 0);
const timeOf = (epochS: number | null) => (epochS === null ? null : new Date(epochS * 1_000).toISOString());
