import { z } from 'zod';
import { epochSeconds, idOf, metadataOf, nullableIdOf, nullableText } from '../http/responses.ts';

// Every known status is listed. An object with an unknown status is rejected as unreadable, because the status may mean
// anything.

const id = z.string().min(1);
const head = { id, created: epochSeconds, amount: z.int(), currency: z.string().min(1) };

/**
 * The fields that we read of a BalanceTransaction (https://docs.stripe.com/api/balance_transactions/object, read
 * 2026-11-21). Amounts are in the account's settlement currency.
 */
const balanceTransactionFields = {
  ...head,
  object: z.literal('balance_transaction'),
  fee: z.int(),
  type: z.string(),
  reporting_category: z.string(),
};
export const balanceTransactionSchema = z.object({ ...balanceTransactionFields, source: nullableIdOf });
export type StripeBalanceTransaction = z.output<typeof balanceTransactionSchema>;

/** An id unless it was expanded. */
const expandableMovement = z
  .union([id, balanceTransactionSchema])
  .nullish()
  .transform((value) => value ?? null);
export type ExpandableMovement = z.output<typeof expandableMovement>;

/** https://docs.stripe.com/api/charges/object, read 2026-11-21. */
export const chargeSchema = z.object({
  ...head,
  object: z.literal('charge'),
  amount_captured: z.int(),
  balance_transaction: expandableMovement,
  captured: z.boolean(),
  customer: nullableIdOf,
  failure_code: nullableText,
  metadata: metadataOf,
  payment_intent: nullableIdOf,
  refunded: z.boolean(),
  status: z.enum(['succeeded', 'pending', 'failed']),
});
export type StripeCharge = z.output<typeof chargeSchema>;

/** https://docs.stripe.com/api/payment_intents/object, read 2026-11-21. */
export const paymentIntentSchema = z.object({
  ...head,
  object: z.literal('payment_intent'),
  customer: nullableIdOf,
  latest_charge: nullableIdOf,
  metadata: metadataOf,
  status: z.enum([
    'requires_payment_method',
    'requires_confirmation',
    'requires_action',
    'processing',
    'requires_capture',
    'canceled',
    'succeeded',
  ]),
});
export type StripePaymentIntent = z.output<typeof paymentIntentSchema>;

/** https://docs.stripe.com/api/refunds/object, read 2026-11-21. */
export const refundSchema = z.object({
  ...head,
  object: z.literal('refund'),
  balance_transaction: expandableMovement,
  charge: nullableIdOf,
  customer: nullableIdOf,
  failure_reason: nullableText,
  metadata: metadataOf,
  payment_intent: nullableIdOf,
  reason: nullableText,
  status: z
    .enum(['pending', 'requires_action', 'succeeded', 'failed', 'canceled'])
    .nullish()
    .transform((value) => value ?? null),
});
export type StripeRefund = z.output<typeof refundSchema>;

/** `charge_refunded` is from earlier versions; the others are those of stripe 23.1.0. */
const DISPUTE_STATUSES = [
  ...([
    'warning_needs_response',
    'warning_under_review',
    'warning_closed',
    'needs_response',
    'under_review',
    'charge_refunded',
  ] as const),
  ...(['appeal_needs_response', 'appeal_under_review', 'won', 'lost', 'prevented'] as const),
] as const;

/** https://docs.stripe.com/api/disputes/object, read 2026-11-21. `balance_transactions` are always expanded. */
export const disputeSchema = z.object({
  ...head,
  object: z.literal('dispute'),
  balance_transactions: z.array(balanceTransactionSchema),
  charge: nullableIdOf,
  metadata: metadataOf,
  payment_intent: nullableIdOf,
  reason: nullableText,
  status: z.enum(DISPUTE_STATUSES),
});
export type StripeDispute = z.output<typeof disputeSchema>;

/** Other sources that move money, such as a payout or a fee; some belong to a charge. */
const otherSource = z.object({ object: z.string(), id, charge: nullableIdOf });

/** A movement with the expanded object that caused it. */
export const movementSchema = z.object({
  ...balanceTransactionFields,
  // An object of a known kind must have its known shape. The check aborts, because zod 4 reports only a union's
  // unaborted failure and hides the others.
  source: z
    .union([
      id,
      z.discriminatedUnion('object', [chargeSchema, refundSchema, disputeSchema]),
      otherSource.refine(({ object }) => !['charge', 'refund', 'dispute'].includes(object), { abort: true }),
    ])
    .nullish()
    .transform((value) => value ?? null),
});
export type StripeMovement = z.output<typeof movementSchema>;

/** A payment intent with its latest charge as an object. */
export const paidIntentSchema = z.object({ latest_charge: chargeSchema.nullable() });

export const transactionEventSubject = z.discriminatedUnion('object', [
  chargeSchema,
  refundSchema,
  disputeSchema,
  paymentIntentSchema,
]);

/** https://docs.stripe.com/api/invoices/line_item, read 2026-11-21. */
export const invoiceLineSchema = z.object({
  id,
  amount: z.int(),
  currency: z.string().min(1),
  description: nullableText,
  quantity: z
    .number()
    .nullish()
    .transform((value) => value ?? null),
});
export type StripeInvoiceLine = z.output<typeof invoiceLineSchema>;

/** https://docs.stripe.com/api/invoice-payment/object, read 2026-11-21. */
export const invoicePaymentSchema = z.object({
  id,
  object: z.literal('invoice_payment'),
  amount_paid: z
    .int()
    .nullish()
    .transform((value) => value ?? null),
  created: epochSeconds,
  invoice: idOf,
  status: z.string(),
  payment: z.object({ type: z.enum(['charge', 'payment_intent', 'payment_record']), payment_intent: nullableIdOf }),
});
export type StripeInvoicePayment = z.output<typeof invoicePaymentSchema>;

/**
 * Stripe documents these statuses but types the field as any text, and its own sample contains another. The schema
 * accepts any; this rejects an unknown one.
 */
const INVOICE_PAYMENT_STATUSES: ReadonlySet<string> = new Set(['open', 'paid', 'canceled']);
export const knownInvoicePayment = invoicePaymentSchema.refine(({ status }) => INVOICE_PAYMENT_STATUSES.has(status), {
  path: ['status'],
  message: 'expected a known status',
  abort: true,
});

/**
 * The part of an invoice about its payments (https://docs.stripe.com/api/invoices/object, read 2026-11-21). `payments`
 * are present only on request.
 */
export const invoiceSchema = z.object({
  id,
  object: z.literal('invoice'),
  amount_paid: z.int(),
  created: epochSeconds,
  lines: z.object({ data: z.array(invoiceLineSchema), has_more: z.boolean() }),
  parent: z.object({ subscription_details: z.object({ subscription: nullableIdOf }).nullish() }).nullish(),
  payments: z.object({ data: z.array(knownInvoicePayment), has_more: z.boolean() }).nullish(),
});
export type StripeInvoice = z.output<typeof invoiceSchema>;

export const invoiceEventSubject = z.discriminatedUnion('object', [invoiceSchema, knownInvoicePayment]);
