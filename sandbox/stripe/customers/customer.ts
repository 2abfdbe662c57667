import { createHash } from 'node:crypto';
import type { Stored } from '../http/table.ts';

export interface Address {
  readonly city: string | null;
  readonly country: string | null;
  readonly line1: string | null;
  readonly line2: string | null;
  readonly postal_code: string | null;
  readonly state: string | null;
}

export interface Shipping {
  readonly address: Address;
  readonly name: string;
  readonly phone: string | null;
}

export interface InvoiceSettings {
  readonly custom_fields: readonly { readonly name: string; readonly value: string }[] | null;
  readonly default_payment_method: null;
  readonly footer: string | null;
  readonly rendering_options: { readonly amount_tax_display: string | null; readonly template: string | null } | null;
}

/** The fields of a customer that a caller can set. `created` and the id belong to the row. */
export interface CustomerFields {
  readonly address: Address | null;
  readonly balance: number;
  readonly business_name: string | null;
  readonly description: string | null;
  readonly email: string | null;
  readonly individual_name: string | null;
  readonly invoice_prefix: string | null;
  readonly invoice_settings: InvoiceSettings;
  readonly metadata: Readonly<Record<string, string>>;
  readonly name: string | null;
  readonly next_invoice_sequence: number;
  readonly phone: string | null;
  readonly preferred_locales: readonly string[];
  readonly shipping: Shipping | null;
  readonly tax_exempt: 'none' | 'exempt' | 'reverse';
  /** The customer's test clock, if any. */
  readonly test_clock?: string | null;
}

export const EMPTY_ADDRESS: Address = {
  city: null,
  country: null,
  line1: null,
  line2: null,
  postal_code: null,
  state: null,
};

export const EMPTY_FIELDS: CustomerFields = {
  address: null,
  balance: 0,
  business_name: null,
  description: null,
  email: null,
  individual_name: null,
  invoice_prefix: null,
  invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
  metadata: {},
  name: null,
  next_invoice_sequence: 1,
  phone: null,
  preferred_locales: [],
  shipping: null,
  tax_exempt: 'none',
};

/** The customer resource of API 2026-10-28.endive, its keys in Stripe's order: https://docs.stripe.com/api/customers/object. */
export function renderCustomer({ id, created, fields }: Stored<CustomerFields>) {
  return {
    id,
    object: 'customer' as const,
    address: fields.address,
    balance: fields.balance,
    ...(fields.business_name !== null && { business_name: fields.business_name }),
    created,
    currency: null,
    default_source: null,
    delinquent: false,
    description: fields.description,
    discount: null,
    email: fields.email,
    ...(fields.individual_name !== null && { individual_name: fields.individual_name }),
    invoice_prefix: fields.invoice_prefix ?? invoicePrefix(id),
    invoice_settings: fields.invoice_settings,
    livemode: false,
    metadata: fields.metadata,
    name: fields.name,
    next_invoice_sequence: fields.next_invoice_sequence,
    phone: fields.phone,
    preferred_locales: fields.preferred_locales,
    shipping: fields.shipping,
    tax_exempt: fields.tax_exempt,
    test_clock: fields.test_clock ?? null,
  };
}

export function deletedCustomer(id: string) {
  return { id, object: 'customer' as const, deleted: true as const };
}

/** Eight hexadecimal digits, as every Stripe customer has. */
function invoicePrefix(id: string): string {
  return createHash('sha1').update(id).digest('hex').slice(0, 8).toUpperCase();
}
