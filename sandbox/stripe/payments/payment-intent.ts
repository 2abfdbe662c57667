import { seededAmount, seededCustomerOf } from './charge.ts';
import type { Shipping } from '../customers/customer.ts';
import { derivedId } from '../../core/ids.ts';
import { longSeedId } from '../control/seeds.ts';
import type { Shape, Stored } from '../http/table.ts';

export type PaymentIntentStatus =
  | 'requires_payment_method'
  | 'requires_confirmation'
  | 'requires_action'
  | 'processing'
  | 'requires_capture'
  | 'canceled'
  | 'succeeded';

/** The mutable fields of a payment intent. Amounts are in minor units of `currency`. */
export interface PaymentIntentFields {
  readonly amount: number;
  readonly amount_capturable: number;
  readonly amount_received: number;
  readonly canceled_at: number | null;
  readonly cancellation_reason: string | null;
  readonly capture_method: 'automatic' | 'automatic_async' | 'manual';
  /** The name of Stripe's test card, or null before one is given. */
  readonly card: string | null;
  readonly currency: string;
  readonly customer: string | null;
  readonly description: string | null;
  readonly failure: { readonly code: string; readonly decline_code: string; readonly message: string } | null;
  readonly latest_charge: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly receipt_email: string | null;
  readonly shipping: Shipping | null;
  readonly statement_descriptor: string | null;
  readonly status: PaymentIntentStatus;
}

export const EMPTY_PAYMENT_INTENT: PaymentIntentFields = {
  amount: 0,
  amount_capturable: 0,
  amount_received: 0,
  canceled_at: null,
  cancellation_reason: null,
  capture_method: 'automatic_async',
  card: null,
  currency: 'usd',
  customer: null,
  description: null,
  failure: null,
  latest_charge: null,
  metadata: {},
  receipt_email: null,
  shipping: null,
  statement_descriptor: null,
  status: 'requires_payment_method',
};

/** The payment intent resource of API 2026-10-28.endive: https://docs.stripe.com/api/payment_intents/object. */
function renderPaymentIntent({ id, created, fields }: Stored<PaymentIntentFields>) {
  const method = fields.card === null ? null : derivedId('pm_1', 23, `${id} ${fields.card}`);
  return {
    id,
    object: 'payment_intent' as const,
    allowed_payment_method_types: null,
    amount: fields.amount,
    amount_capturable: fields.amount_capturable,
    amount_details: { tip: {} },
    amount_received: fields.amount_received,
    application: null,
    application_fee_amount: null,
    automatic_payment_methods: { allow_redirects: 'always', enabled: true },
    canceled_at: fields.canceled_at,
    cancellation_reason: fields.cancellation_reason,
    capture_method: fields.capture_method,
    client_secret: derivedId(`${id}_secret_`, 25, id),
    confirmation_method: 'automatic',
    created,
    currency: fields.currency,
    customer: fields.customer,
    customer_account: null,
    description: fields.description,
    excluded_payment_method_types: null,
    last_payment_error: errorOf(fields),
    latest_charge: fields.latest_charge,
    livemode: false,
    managed_payments: null,
    metadata: fields.metadata,
    next_action: fields.status === 'requires_action' ? { type: 'use_stripe_sdk', use_stripe_sdk: {} } : null,
    on_behalf_of: null,
    // A decline removes the payment method.
    payment_method: fields.status === 'requires_payment_method' ? null : method,
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: ['card'],
    payment_record: null,
    processing: null,
    receipt_email: fields.receipt_email,
    review: null,
    setup_future_usage: null,
    shipping: fields.shipping,
    source: null,
    statement_descriptor: fields.statement_descriptor,
    statement_descriptor_suffix: null,
    status: fields.status,
    transfer_data: null,
    transfer_group: null,
  };
}

function errorOf({ failure, latest_charge: charge }: PaymentIntentFields) {
  return failure && { ...(charge !== null && { charge }), ...failure, type: 'card_error' };
}

export const paymentIntentShape: Shape<PaymentIntentFields> = {
  render: renderPaymentIntent,
  keys: { customer: ({ customer }) => customer },
  seed: {
    id: (salt, no) => longSeedId('pi_3', salt, no),
    fields({ no, salt, batch }) {
      const amount = seededAmount(no);
      return {
        ...EMPTY_PAYMENT_INTENT,
        amount,
        amount_received: amount,
        card: 'visa',
        customer: seededCustomerOf(no, batch.customers, salt),
        latest_charge: longSeedId('ch_3', salt, no),
        metadata: { seed: String(no) },
        status: 'succeeded',
      };
    },
  },
};
