import { seededAmount, seededCustomerOf } from '../payments/charge.ts';
import type { Address } from '../customers/customer.ts';
import { longSeedId } from '../control/seeds.ts';
import type { Shape, Stored } from '../http/table.ts';

/** One line of an invoice. The amount is in minor units of the invoice's currency. */
export interface InvoiceLine {
  readonly id: string;
  readonly amount: number;
  readonly description: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  readonly period: { readonly start: number; readonly end: number };
  readonly price: { readonly id: string; readonly product: string; readonly unit_amount_decimal: string } | null;
  readonly quantity: number;
  /** The invoice item or subscription item that the line came from. */
  readonly item: string | null;
}

export type InvoiceStatus = 'draft' | 'open' | 'paid' | 'uncollectible' | 'void';

/** The mutable fields of an invoice. Amounts are in minor units of `currency`, times in seconds since the epoch. */
export interface InvoiceFields {
  readonly amount_paid: number;
  readonly attempt_count: number;
  readonly auto_advance: boolean;
  readonly billing_reason: 'manual' | 'subscription_create' | 'subscription_cycle';
  readonly collection_method: 'charge_automatically' | 'send_invoice';
  readonly currency: string;
  readonly customer: string;
  /** The customer's details when the invoice was created. */
  readonly billed: {
    readonly address: Address | null;
    readonly email: string | null;
    readonly name: string | null;
    readonly phone: string | null;
  };
  readonly description: string | null;
  readonly due_date: number | null;
  readonly finalized_at: number | null;
  readonly lines: readonly InvoiceLine[];
  readonly metadata: Readonly<Record<string, string>>;
  readonly number: string | null;
  readonly paid_at: number | null;
  readonly period: { readonly start: number; readonly end: number };
  readonly status: InvoiceStatus;
  readonly subscription: string | null;
  readonly test_clock: string | null;
  readonly uncollectible_at: number | null;
  readonly voided_at: number | null;
}

/**
 * Lines embedded in an invoice, whether listed, retrieved or in an event. A separate list has the rest
 * (https://docs.stripe.com/api/invoices/object, `lines`).
 */
const LINES_INSIDE = 10;

/** The sum of the lines. */
export function totalOf({ lines }: Pick<InvoiceFields, 'lines'>): number {
  return lines.reduce((sum, { amount }) => sum + amount, 0);
}

/** The invoice resource of API 2026-10-28.endive: https://docs.stripe.com/api/invoices/object. */
function renderInvoice({ id, created, fields }: Stored<InvoiceFields>) {
  return {
    id,
    object: 'invoice' as const,
    account_country: 'GB',
    account_name: null,
    account_tax_ids: null,
    ...amountsOf(fields),
    application: null,
    attempt_count: fields.attempt_count,
    attempted: fields.attempt_count > 0,
    auto_advance: fields.auto_advance,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null, provider: null, status: null },
    automatically_finalizes_at: null,
    billing_reason: fields.billing_reason,
    collection_method: fields.collection_method,
    created,
    currency: fields.currency,
    custom_fields: null,
    ...customerPart(fields),
    default_payment_method: null,
    default_source: null,
    default_tax_rates: [],
    description: fields.description,
    discounts: [],
    due_date: fields.due_date,
    effective_at: fields.finalized_at,
    ending_balance: fields.finalized_at === null ? null : 0,
    footer: null,
    from_invoice: null,
    ...pagesOf(id, fields),
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    lines: {
      object: 'list',
      data: fields.lines.slice(0, LINES_INSIDE).map((line) => renderInvoiceLine(line, { id, fields })),
      has_more: fields.lines.length > LINES_INSIDE,
      url: `/v1/invoices/${id}/lines`,
    },
    livemode: false,
    metadata: fields.metadata,
    next_payment_attempt: null,
    number: fields.number,
    on_behalf_of: null,
    parent:
      fields.subscription === null
        ? null
        : {
            quote_details: null,
            subscription_details: { metadata: {}, subscription: fields.subscription },
            type: 'subscription_details',
          },
    payment_settings: { default_mandate: null, payment_method_options: null, payment_method_types: null },
    period_end: fields.period.end,
    period_start: fields.period.start,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: 0,
    statement_descriptor: null,
    status: fields.status,
    status_transitions: {
      finalized_at: fields.finalized_at,
      marked_uncollectible_at: fields.uncollectible_at,
      paid_at: fields.paid_at,
      voided_at: fields.voided_at,
    },
    test_clock: fields.test_clock,
    webhooks_delivered_at: created,
  };
}

/** The sandbox has no taxes or discounts, so every total is the sum of the lines. */
function amountsOf(fields: InvoiceFields) {
  const total = totalOf(fields);
  const due = Math.max(0, total);
  return {
    amount_due: due,
    amount_overpaid: 0,
    amount_paid: fields.amount_paid,
    amount_remaining: due - fields.amount_paid,
    amount_shipping: 0,
    subtotal: total,
    subtotal_excluding_tax: total,
    total,
    total_discount_amounts: [],
    total_excluding_tax: total,
    total_pretax_credit_amounts: [],
    total_taxes: [],
  };
}

function pagesOf(id: string, { finalized_at: at }: InvoiceFields) {
  return {
    hosted_invoice_url: at === null ? null : `https://invoice.stripe.com/i/${id}`,
    invoice_pdf: at === null ? null : `https://pay.stripe.com/invoice/${id}/pdf`,
  };
}

function customerPart({ customer, billed }: InvoiceFields) {
  return {
    customer,
    customer_account: null,
    customer_address: billed.address,
    customer_email: billed.email,
    customer_name: billed.name,
    customer_phone: billed.phone,
    customer_shipping: null,
    customer_tax_exempt: 'none',
    customer_tax_ids: [],
  };
}

export function renderInvoiceLine(line: InvoiceLine, { id, fields }: Pick<Stored<InvoiceFields>, 'id' | 'fields'>) {
  const { subscription } = fields;
  const invoiceItem = subscription === null || line.item?.startsWith('ii_') === true;
  return {
    id: line.id,
    object: 'line_item' as const,
    amount: line.amount,
    currency: fields.currency,
    description: line.description,
    discount_amounts: [],
    discountable: true,
    discounts: [],
    invoice: id,
    livemode: false,
    metadata: line.metadata,
    parent: invoiceItem
      ? {
          invoice_item_details: {
            invoice_item: line.item,
            proration: false,
            proration_details: null,
            subscription: null,
          },
          subscription_item_details: null,
          type: 'invoice_item_details',
        }
      : {
          invoice_item_details: null,
          subscription_item_details: {
            invoice_item: null,
            proration: false,
            proration_details: null,
            subscription,
            subscription_item: line.item,
          },
          type: 'subscription_item_details',
        },
    period: line.period,
    pretax_credit_amounts: [],
    pricing: line.price && {
      price_details: { price: line.price.id, product: line.price.product },
      type: 'price_details',
      unit_amount_decimal: line.price.unit_amount_decimal,
    },
    quantity: line.quantity,
    quantity_decimal: String(line.quantity),
    subscription,
    subtotal: line.amount,
    taxes: [],
  };
}

export const EMPTY_INVOICE: Omit<InvoiceFields, 'customer' | 'period'> = {
  amount_paid: 0,
  attempt_count: 0,
  auto_advance: false,
  billing_reason: 'manual',
  collection_method: 'charge_automatically',
  currency: 'usd',
  billed: { address: null, email: null, name: null, phone: null },
  description: null,
  due_date: null,
  finalized_at: null,
  lines: [],
  metadata: {},
  number: null,
  paid_at: null,
  status: 'draft',
  subscription: null,
  test_clock: null,
  uncollectible_at: null,
  voided_at: null,
};

export const invoiceShape: Shape<InvoiceFields> = {
  render: renderInvoice,
  seed: {
    id: (salt, no) => longSeedId('in_1', salt, no),
    fields({ no, created, salt, batch }) {
      const amount = seededAmount(no);
      const period = { start: created, end: created };
      return {
        ...EMPTY_INVOICE,
        customer: seededCustomerOf(no, batch.customers, salt) ?? 'cus_nobody',
        finalized_at: created,
        lines: [
          {
            id: longSeedId('il_1', salt, no),
            amount,
            description: `Seeded ${no}`,
            metadata: {},
            period,
            price: null,
            quantity: 1,
            item: null,
          },
        ],
        metadata: { seed: String(no) },
        number: `SEED-${no}`,
        period,
        status: 'open',
      };
    },
  },
  keys: {
    customer: ({ customer }) => customer,
    subscription: ({ subscription }) => subscription,
    status: ({ status }) => status,
  },
};
