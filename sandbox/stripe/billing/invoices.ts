import { addInvoice, attach, finalize, pay, voidInvoice } from './billing.ts';
import { currencyCode } from '../payments/currency.ts';
import { Draft } from '../state/draft.ts';
import type { Objekt } from '../state/draft.ts';
import { answer } from '../http/endpoint.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { given } from '../../core/given.ts';
import { renderInvoiceLine, totalOf } from './invoice.ts';
import type { InvoiceStatus } from './invoice.ts';
import { lineOf } from './invoice-items.ts';
import { mergeMetadata, metadata, metadataPatch } from '../http/metadata.ts';
import { boolean, clearable, integer, missing, oneOf, readForm, requiredText, text } from '../http/params.ts';
import { equal, listing, named, retrieval, subject, writing } from '../http/resource.ts';
import { searching } from '../http/search.ts';
import { testPaymentMethod } from '../payments/test-cards.ts';

const collection = oneOf('charge_automatically', 'send_invoice');

export const listInvoices = listing('invoice', {
  collection_method: equal(collection, ({ collection_method }) => collection_method),
  customer: { read: requiredText(255), key: 'customer' },
  status: { read: oneOf('draft', 'open', 'paid', 'uncollectible', 'void'), key: 'status' },
  subscription: { read: requiredText(255), key: 'subscription' },
});
export const retrieveInvoice = retrieval('invoice');
export const searchInvoices = searching('invoice', {
  texts: ['currency', 'customer', 'number', 'status', 'subscription'],
  numbers: ['total'],
});

const expand = expandable('invoice');

/** https://docs.stripe.com/api/invoices/create (2026-11). */
const sharedSpec = {
  auto_advance: boolean,
  collection_method: collection,
  days_until_due: integer({ min: 0 }),
  description: clearable(text(1_500)),
  expand,
  metadata,
};
const createSpec = {
  ...sharedSpec,
  currency: currencyCode,
  customer: requiredText(255),
  pending_invoice_items_behavior: oneOf('exclude', 'include'),
};

export const createInvoice = writing('invoice', (call, draft) => {
  const {
    expand: plan,
    customer,
    currency,
    days_until_due: days,
    metadata: keys,
    pending_invoice_items_behavior: pending,
    ...params
  } = readForm(call.params, createSpec);
  if (customer === undefined) throw missing('customer');
  named(draft, 'customer', { id: customer, param: 'customer' });
  const waiting =
    pending === 'include'
      ? draft.where('invoiceitem', 'customer', customer).filter(({ fields }) => fields.invoice === null)
      : [];
  const invoice = addInvoice(draft, {
    ...given(params),
    currency: currency ?? waiting[0]?.fields.currency ?? 'gbp',
    customer,
    due_date: days === undefined ? null : draft.nowSeconds + days * 24 * 60 * 60,
    lines: waiting.map(lineOf),
    metadata: mergeMetadata({}, keys ?? new Map()),
    period: { start: draft.nowSeconds, end: draft.nowSeconds },
  });
  for (const item of waiting) draft.update('invoiceitem', item, { invoice: invoice.id });
  return { object: invoice, expand: plan };
});

export const updateInvoice = writing('invoice', (call, draft) => {
  const before = subject(call, draft, 'invoice');
  const { expand: plan, days_until_due: days, metadata: keys, ...params } = readForm(call.params, sharedSpec);
  const patch = {
    ...given(params),
    ...metadataPatch(before.fields.metadata, keys),
    ...(days !== undefined && { due_date: before.created + days * 24 * 60 * 60 }),
  };
  return { object: draft.change('invoice.updated', { kind: 'invoice', before, patch }), expand: plan };
});

export const deleteInvoice: Endpoint = (call) => {
  readForm(call.params, {});
  const draft = new Draft(call);
  const object = within(subject(call, draft, 'invoice'), ['draft'], 'You can only delete draft invoices.');
  draft.remove('invoice', object);
  draft.tell('invoice.deleted', { kind: 'invoice', object });
  return { body: JSON.stringify({ id: object.id, object: 'invoice', deleted: true }), changes: draft.changes };
};

export const finalizeInvoice = writing('invoice', (call, draft) => {
  const before = within(
    subject(call, draft, 'invoice'),
    ['draft'],
    "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
  );
  const { expand: plan } = readForm(call.params, { auto_advance: boolean, expand });
  return { object: finalize(draft, before), expand: plan };
});

const paySpec = { expand, off_session: boolean, paid_out_of_band: boolean, payment_method: testPaymentMethod };

/** Requires a test card: the sandbox's customers keep no payment methods. */
export const payInvoice = writing('invoice', (call, draft) => {
  const before = within(subject(call, draft, 'invoice'), ['draft', 'open', 'uncollectible'], 'Invoice is already paid');
  const { expand: plan, paid_out_of_band: elsewhere = false, payment_method: card } = readForm(call.params, paySpec);
  if (!elsewhere && card === undefined && totalOf(before.fields) > 0) {
    throw invalidRequest(
      'There is no `default_payment_method` set on this Customer or Invoice. Please set a `default_payment_method`.',
    );
  }
  const open = before.fields.status === 'draft' ? finalize(draft, before) : before;
  if (open.fields.status === 'paid') return { object: open, expand: plan };
  const { invoice, refusal } = pay(draft, open, elsewhere ? null : (card ?? null));
  return { object: invoice, expand: plan, refusal };
});

/**
 * https://docs.stripe.com/api/invoices/attach_payment: one of several payments. The sandbox accepts only payments that
 * have succeeded.
 */
export const attachPayment = writing('invoice', (call, draft) => {
  const before = within(
    subject(call, draft, 'invoice'),
    ['open', 'uncollectible'],
    'You can only attach payments to open invoices.',
  );
  const { expand: plan, payment_intent: id } = readForm(call.params, { expand, payment_intent: requiredText(255) });
  if (id === undefined) throw missing('payment_intent');
  const intent = named(draft, 'payment_intent', { id, param: 'payment_intent' });
  if (intent.fields.status !== 'succeeded')
    throw invalidRequest('The sandbox attaches payments that have succeeded only.', { param: 'payment_intent' });
  return { object: attach(draft, before, intent), expand: plan };
});

const lineListSpec = {
  limit: integer({ min: 1, max: 100 }),
  starting_after: requiredText(255),
  expand: expandable(null),
};

/**
 * https://docs.stripe.com/api/invoice-line-item/invoice_list. Reads the lines from their invoice; they have no index of
 * their own.
 */
export const listInvoiceLines: Endpoint = (call) => {
  const { limit = 10, starting_after: after } = readForm(call.params, lineListSpec);
  const invoice = subject(call, new Draft(call), 'invoice');
  const { lines } = invoice.fields;
  const from = after === undefined ? 0 : lines.findIndex(({ id }) => id === after) + 1;
  if (after !== undefined && from === 0)
    throw invalidRequest(`No such invoice line item: '${after}'`, { param: 'starting_after' });
  const data = lines.slice(from, from + limit).map((line) => renderInvoiceLine(line, invoice));
  return answer(
    JSON.stringify({
      object: 'list',
      data,
      has_more: from + limit < lines.length,
      url: `/v1/invoices/${invoice.id}/lines`,
    }),
  );
};

export const voidInvoiceEndpoint = writing('invoice', (call, draft) => {
  const before = within(
    subject(call, draft, 'invoice'),
    ['open', 'uncollectible'],
    'You can only pass in open or uncollectible invoices.',
  );
  const { expand: plan } = readForm(call.params, { expand });
  return { object: voidInvoice(draft, before), expand: plan };
});

export const markUncollectible = writing('invoice', (call, draft) => {
  const before = within(subject(call, draft, 'invoice'), ['open'], 'You can only mark open invoices as uncollectible.');
  const { expand: plan } = readForm(call.params, { expand });
  const object = draft.update('invoice', before, { status: 'uncollectible', uncollectible_at: draft.nowSeconds });
  draft.tell('invoice.marked_uncollectible', { kind: 'invoice', object });
  return { object, expand: plan };
});

function within(invoice: Objekt<'invoice'>, statuses: readonly InvoiceStatus[], refusal: string): Objekt<'invoice'> {
  if (!statuses.includes(invoice.fields.status)) throw invalidRequest(refusal);
  return invoice;
}
