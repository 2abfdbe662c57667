import type { Draft, Objekt } from '../state/draft.ts';
import type { Failure } from '../http/failure.ts';
import { randomId } from '../../core/ids.ts';
import { EMPTY_INVOICE, totalOf } from './invoice.ts';
import type { InvoiceFields } from './invoice.ts';
import { cancel, confirm } from '../payments/paying.ts';
import { EMPTY_PAYMENT_INTENT } from '../payments/payment-intent.ts';

type NewInvoice = Pick<InvoiceFields, 'currency' | 'customer' | 'period'> & Partial<InvoiceFields>;

/** Adds a draft invoice of a customer, with its event. */
export function addInvoice(draft: Draft, { currency, customer, period, ...rest }: NewInvoice): Objekt<'invoice'> {
  const {
    address = null,
    email = null,
    name = null,
    phone = null,
    test_clock = null,
  } = draft.find('customer', customer)?.fields ?? {};
  const fields: InvoiceFields = {
    ...EMPTY_INVOICE,
    currency,
    customer,
    billed: { address, email, name, phone },
    period,
    test_clock,
    ...rest,
  };
  const object = draft.insert('invoice', { id: randomId('in_1', 23), fields });
  draft.tell('invoice.created', { kind: 'invoice', object });
  return object;
}

/** Numbers the invoice and requests payment: adds an open payment unless nothing is due. */
export function finalize(draft: Draft, before: Objekt<'invoice'>): Objekt<'invoice'> {
  const { currency, customer, description } = before.fields;
  const total = totalOf(before.fields);
  const number = `${before.id.slice(-8).toUpperCase()}-0001`;
  const open = draft.update('invoice', before, {
    status: 'open',
    number,
    finalized_at: draft.nowSeconds,
    due_date: before.fields.due_date,
  });
  draft.tell('invoice.finalized', { kind: 'invoice', object: open, before });
  if (total <= 0) return markPaid(draft, open, 0);
  const intent = draft.insert('payment_intent', {
    id: randomId('pi_3', 23),
    fields: {
      ...EMPTY_PAYMENT_INTENT,
      amount: total,
      capture_method: 'automatic',
      currency,
      customer,
      description: description ?? `Payment for Invoice ${number}`,
    },
  });
  draft.tell('payment_intent.created', { kind: 'payment_intent', object: intent });
  draft.insert('invoice_payment', {
    id: randomId('inpay_1', 23),
    fields: {
      amount_paid: null,
      amount_requested: total,
      canceled_at: null,
      currency,
      invoice: before.id,
      paid_at: null,
      payment_intent: intent.id,
      status: 'open',
    },
  });
  return open;
}

/** Pays an open invoice with a test card, or outside of Stripe when `card` is null. A declined card leaves it open. */
export function pay(
  draft: Draft,
  before: Objekt<'invoice'>,
  card: string | null,
): { readonly invoice: Objekt<'invoice'>; readonly refusal?: Failure } {
  const payment = openPayment(draft, before.id);
  if (!payment || card === null) {
    if (payment) cancelPayment(draft, payment);
    return { invoice: markPaid(draft, before, totalOf(before.fields)) };
  }
  const waiting = draft.find('payment_intent', payment.fields.payment_intent);
  if (!waiting) throw new Error(`${payment.id} has lost its payment intent`);
  const attempt_count = before.fields.attempt_count + 1;
  const { intent, refusal } = confirm(
    draft,
    draft.update('payment_intent', waiting, { card, status: 'requires_confirmation' }),
  );
  if (refusal || intent.fields.status !== 'succeeded') {
    const invoice = draft.update('invoice', before, { attempt_count });
    draft.tell(refusal ? 'invoice.payment_failed' : 'invoice.payment_action_required', {
      kind: 'invoice',
      object: invoice,
    });
    return { invoice, ...(refusal && { refusal }) };
  }
  const paid = draft.update('invoice_payment', payment, {
    status: 'paid',
    amount_paid: intent.fields.amount,
    paid_at: draft.nowSeconds,
  });
  draft.tell('invoice_payment.paid', { kind: 'invoice_payment', object: paid });
  return { invoice: markPaid(draft, draft.update('invoice', before, { attempt_count }), intent.fields.amount) };
}

/** Applies an existing payment to an open invoice, which is paid once its payments reach the amount due. */
export function attach(draft: Draft, before: Objekt<'invoice'>, intent: Objekt<'payment_intent'>): Objekt<'invoice'> {
  const { amount_received: amount, currency } = intent.fields;
  const paid = draft.insert('invoice_payment', {
    id: randomId('inpay_1', 23),
    fields: {
      amount_paid: amount,
      amount_requested: amount,
      canceled_at: null,
      currency,
      invoice: before.id,
      paid_at: draft.nowSeconds,
      payment_intent: intent.id,
      status: 'paid',
    },
  });
  draft.tell('invoice_payment.paid', { kind: 'invoice_payment', object: paid });
  const total = before.fields.amount_paid + amount;
  if (total < totalOf(before.fields))
    return draft.change('invoice.updated', { kind: 'invoice', before, patch: { amount_paid: total } });
  const open = openPayment(draft, before.id);
  if (open) cancelPayment(draft, open);
  return markPaid(draft, before, total);
}

export function voidInvoice(draft: Draft, before: Objekt<'invoice'>): Objekt<'invoice'> {
  const payment = openPayment(draft, before.id);
  if (payment) cancelPayment(draft, payment);
  const object = draft.update('invoice', before, { status: 'void', voided_at: draft.nowSeconds });
  draft.tell('invoice.voided', { kind: 'invoice', object });
  return object;
}

function markPaid(draft: Draft, before: Objekt<'invoice'>, amount: number): Objekt<'invoice'> {
  const object = draft.update('invoice', before, {
    status: 'paid',
    amount_paid: Math.max(0, amount),
    paid_at: draft.nowSeconds,
  });
  draft.tell('invoice.paid', { kind: 'invoice', object });
  draft.tell('invoice.payment_succeeded', { kind: 'invoice', object });
  return object;
}

function openPayment(draft: Draft, invoice: string): Objekt<'invoice_payment'> | undefined {
  return draft.where('invoice_payment', 'invoice', invoice).find(({ fields }) => fields.status === 'open');
}

function cancelPayment(draft: Draft, payment: Objekt<'invoice_payment'>): void {
  const intent = draft.find('payment_intent', payment.fields.payment_intent);
  if (intent) cancel(draft, intent, 'void_invoice');
  draft.update('invoice_payment', payment, { status: 'canceled', canceled_at: draft.nowSeconds });
}
