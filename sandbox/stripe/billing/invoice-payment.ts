import type { Shape, Stored } from '../http/table.ts';

/**
 * The mutable fields of an invoice payment, which ties a payment intent to an invoice. Amounts are in minor units of
 * `currency`.
 */
export interface InvoicePaymentFields {
  readonly amount_paid: number | null;
  readonly amount_requested: number;
  readonly canceled_at: number | null;
  readonly currency: string;
  readonly invoice: string;
  readonly paid_at: number | null;
  readonly payment_intent: string;
  readonly status: 'open' | 'paid' | 'canceled';
}

/** The invoice payment resource of API 2026-10-28.endive: https://docs.stripe.com/api/invoice-payment/object. */
function renderInvoicePayment({ id, created, fields }: Stored<InvoicePaymentFields>) {
  return {
    id,
    object: 'invoice_payment' as const,
    amount_paid: fields.amount_paid,
    amount_requested: fields.amount_requested,
    created,
    currency: fields.currency,
    invoice: fields.invoice,
    is_default: true,
    livemode: false,
    payment: { payment_intent: fields.payment_intent, type: 'payment_intent' },
    status: fields.status,
    status_transitions: { canceled_at: fields.canceled_at, paid_at: fields.paid_at },
  };
}

export const invoicePaymentShape: Shape<InvoicePaymentFields> = {
  render: renderInvoicePayment,
  keys: { invoice: ({ invoice }) => invoice, payment_intent: ({ payment_intent }) => payment_intent },
};
