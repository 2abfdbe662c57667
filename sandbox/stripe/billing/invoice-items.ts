import { currencyCode } from '../payments/currency.ts';
import { Draft } from '../state/draft.ts';
import type { Objekt } from '../state/draft.ts';
import type { Endpoint } from '../http/endpoint.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import { randomId } from '../../core/ids.ts';
import type { InvoiceLine } from './invoice.ts';
import type { InvoiceItemFields } from './invoice-item.ts';
import { mergeMetadata, metadata } from '../http/metadata.ts';
import { clearable, hash, integer, missing, readForm, requiredText, text } from '../http/params.ts';
import type { Read } from '../http/params.ts';
import { listing, named, retrieval, subject, writing } from '../http/resource.ts';

export const listInvoiceItems = listing('invoiceitem', {
  customer: { read: requiredText(255), key: 'customer' },
  invoice: { read: requiredText(255), key: 'invoice' },
});
export const retrieveInvoiceItem = retrieval('invoiceitem');

/** https://docs.stripe.com/api/invoiceitems/create (2026-11): an amount, or a price with a quantity. */
const createSpec = {
  amount: integer(),
  currency: currencyCode,
  customer: requiredText(255),
  description: clearable(text(5_000)),
  expand: expandable('invoiceitem'),
  invoice: requiredText(255),
  metadata,
  pricing: hash({ price: requiredText(255) }),
  quantity: integer({ min: 0 }),
};

export const createInvoiceItem = writing('invoiceitem', (call, draft) => {
  const { expand, ...params } = readForm(call.params, createSpec);
  const invoice = params.invoice === undefined ? null : draftInvoice(draft, params.invoice);
  const object = draft.insert('invoiceitem', { id: randomId('ii_1', 23), fields: fieldsOf(draft, params, invoice) });
  draft.tell('invoiceitem.created', { kind: 'invoiceitem', object });
  if (invoice)
    draft.change('invoice.updated', {
      kind: 'invoice',
      before: invoice,
      patch: { lines: [...invoice.fields.lines, lineOf(object)] },
    });
  return { object, expand };
});

function fieldsOf(
  draft: Draft,
  params: Read<Omit<typeof createSpec, 'expand'>>,
  invoice: Objekt<'invoice'> | null,
): InvoiceItemFields {
  const { customer, description = null, metadata: keys, quantity = 1 } = params;
  if (customer === undefined) throw missing('customer');
  named(draft, 'customer', { id: customer, param: 'customer' });
  const { amount, currency, price } = pricedBy(draft, params, quantity);
  const period = { start: draft.nowSeconds, end: draft.nowSeconds };
  return {
    amount,
    currency: currency ?? invoice?.fields.currency ?? 'gbp',
    customer,
    description,
    invoice: invoice?.id ?? null,
    metadata: mergeMetadata({}, keys ?? new Map()),
    period,
    price,
    quantity,
  };
}

/** The amount as given, or a price times its quantity. */
function pricedBy(
  draft: Draft,
  { amount, currency, pricing }: Read<Pick<typeof createSpec, 'amount' | 'currency' | 'pricing'>>,
  quantity: number,
) {
  if (amount !== undefined) return { amount, currency, price: null };
  if (pricing?.price === undefined) throw missing('amount');
  const { id, fields } = named(draft, 'price', { id: pricing.price, param: 'pricing[price]' });
  const { product, unit_amount_decimal } = fields;
  return {
    amount: Math.round(Number(unit_amount_decimal) * quantity),
    currency: fields.currency,
    price: { id, product, unit_amount_decimal },
  };
}

function draftInvoice(draft: Draft, id: string): Objekt<'invoice'> {
  const invoice = named(draft, 'invoice', { id, param: 'invoice' });
  if (invoice.fields.status !== 'draft')
    throw invalidRequest('You can only add invoice items to draft invoices.', { param: 'invoice' });
  return invoice;
}

/** Deletes only an item that still waits for an invoice. */
export const deleteInvoiceItem: Endpoint = (call) => {
  readForm(call.params, {});
  const draft = new Draft(call);
  const object = subject(call, draft, 'invoiceitem');
  if (object.fields.invoice !== null)
    throw invalidRequest('This invoice item is on an invoice and can no longer be deleted.');
  draft.remove('invoiceitem', object);
  draft.tell('invoiceitem.deleted', { kind: 'invoiceitem', object });
  return { body: JSON.stringify({ id: object.id, object: 'invoiceitem', deleted: true }), changes: draft.changes };
};

export function lineOf({ id, fields }: Objekt<'invoiceitem'>): InvoiceLine {
  const { amount, description, metadata: keys, period, price, quantity } = fields;
  return { id: randomId('il_1', 23), amount, description, item: id, metadata: keys, period, price, quantity };
}
