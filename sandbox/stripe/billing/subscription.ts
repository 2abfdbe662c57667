import { derivedId } from '../../core/ids.ts';
import { renderPrice } from '../catalogue/price.ts';
import type { PriceFields } from '../catalogue/price.ts';
import type { Shape, Stored } from '../http/table.ts';

export interface SubscriptionItem {
  readonly id: string;
  readonly created: number;
  readonly price: Stored<PriceFields>;
  readonly quantity: number;
}

/** The mutable fields of a subscription. Times are in seconds since the epoch. */
export interface SubscriptionFields {
  readonly billing_cycle_anchor: number;
  readonly cancel_at_period_end: boolean;
  readonly canceled_at: number | null;
  /** The name of the Stripe test card that pays, or null when invoices are sent. */
  readonly card: string | null;
  readonly collection_method: 'charge_automatically' | 'send_invoice';
  readonly currency: string;
  readonly customer: string;
  readonly days_until_due: number | null;
  readonly description: string | null;
  readonly ended_at: number | null;
  readonly items: readonly SubscriptionItem[];
  readonly latest_invoice: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly period: { readonly start: number; readonly end: number };
  readonly status: 'active' | 'incomplete' | 'past_due' | 'canceled';
  readonly test_clock: string | null;
}

/** The subscription resource of API 2026-10-28.endive: https://docs.stripe.com/api/subscriptions/object. */
function renderSubscription({ id, created, fields }: Stored<SubscriptionFields>) {
  return {
    id,
    object: 'subscription' as const,
    application: null,
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor: fields.billing_cycle_anchor,
    billing_cycle_anchor_config: null,
    billing_mode: { flexible: null, type: 'classic' },
    billing_schedules: [],
    billing_thresholds: null,
    cancel_at: fields.cancel_at_period_end ? fields.period.end : null,
    cancel_at_period_end: fields.cancel_at_period_end,
    canceled_at: fields.canceled_at,
    cancellation_details: {
      comment: null,
      feedback: null,
      feedback_option: null,
      reason: fields.canceled_at === null ? null : 'cancellation_requested',
    },
    collection_method: fields.collection_method,
    created,
    currency: fields.currency,
    customer: fields.customer,
    customer_account: null,
    days_until_due: fields.days_until_due,
    default_payment_method: fields.card === null ? null : derivedId('pm_1', 23, `${id} ${fields.card}`),
    default_source: null,
    default_tax_rates: [],
    description: fields.description,
    discounts: [],
    ended_at: fields.ended_at,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    items: {
      object: 'list',
      data: fields.items.map((item) => renderItem(item, { id, fields })),
      has_more: false,
      url: `/v1/subscription_items?subscription=${id}`,
    },
    latest_invoice: fields.latest_invoice,
    livemode: false,
    managed_payments: null,
    metadata: fields.metadata,
    next_pending_invoice_item_invoice: null,
    on_behalf_of: null,
    pause_collection: null,
    payment_settings: { payment_method_options: null, payment_method_types: null, save_default_payment_method: 'off' },
    pending_invoice_item_interval: null,
    pending_setup_intent: null,
    pending_update: null,
    schedule: null,
    start_date: created,
    status: fields.status,
    test_clock: fields.test_clock,
    transfer_data: null,
    trial_end: null,
    trial_settings: { end_behavior: { billing_cycle_anchor: null, missing_payment_method: 'create_invoice' } },
    trial_start: null,
  };
}

function renderItem(
  { id, created, price, quantity }: SubscriptionItem,
  of: Pick<Stored<SubscriptionFields>, 'id' | 'fields'>,
) {
  return {
    id,
    object: 'subscription_item' as const,
    billing_thresholds: null,
    created,
    current_period_end: of.fields.period.end,
    current_period_start: of.fields.period.start,
    current_trial: null,
    discounts: [],
    metadata: {},
    plan: renderPlan(price),
    price: renderPrice(price),
    quantity,
    subscription: of.id,
    tax_rates: [],
  };
}

/** The legacy form of a recurring price, which items still carry. */
function renderPlan({ id, created, fields }: Stored<PriceFields>) {
  return {
    id,
    object: 'plan' as const,
    active: fields.active,
    amount: fields.unit_amount,
    amount_decimal: fields.unit_amount_decimal,
    billing_scheme: 'per_unit',
    created,
    currency: fields.currency,
    interval: fields.recurring?.interval,
    interval_count: fields.recurring?.interval_count,
    livemode: false,
    metadata: fields.metadata,
    meter: null,
    nickname: fields.nickname,
    product: fields.product,
    tiers_mode: null,
    transform_usage: null,
    trial_period_days: null,
    usage_type: 'licensed',
  };
}

export const subscriptionShape: Shape<SubscriptionFields> = {
  render: renderSubscription,
  keys: { customer: ({ customer }) => customer, test_clock: ({ test_clock }) => test_clock },
};
