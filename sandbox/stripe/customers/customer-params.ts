import { EMPTY_ADDRESS, EMPTY_FIELDS } from './customer.ts';
import type { Address, CustomerFields, InvoiceSettings, Shipping } from './customer.ts';
import { expandable } from '../http/expansion.ts';
import { invalidRequest } from '../http/failure.ts';
import {
  absent,
  boolean,
  clearable,
  email,
  emptyString,
  hash,
  integer,
  list,
  missing,
  notSimulated,
  oneOf,
  requiredText,
  text,
} from '../http/params.ts';
import { mergeMetadata, metadata } from '../http/metadata.ts';
import type { Read, Reader } from '../http/params.ts';

const MAX_TEXT = 5_000;

// Accepts any text: Stripe keeps a country that is not a two-letter code,
// https://github.com/stripe/stripe-node/issues/1680 (2023-02).
const addressPart = clearable(text(MAX_TEXT));
const readAddress = hash({
  city: addressPart,
  country: addressPart,
  line1: addressPart,
  line2: addressPart,
  postal_code: addressPart,
  state: addressPart,
});

/**
 * An address replaces the previous one as a whole: parts not sent become null, as seen in
 * https://github.com/stripe/stripe-go/pull/179.
 */
const address: Reader<Address> = (value, param) => ({ ...EMPTY_ADDRESS, ...readAddress(value, param) });

const readShipping = hash({ address, name: text(MAX_TEXT), phone: clearable(text(MAX_TEXT)) });
const shipping: Reader<Shipping> = (value, param) => {
  const read = readShipping(value, param);
  if (read.address === undefined) throw missing(`${param}[address]`);
  if (read.name === undefined) throw missing(`${param}[name]`);
  if (read.name === '') throw emptyString(`${param}[name]`, 'parameter_invalid_string_empty');
  return { address: read.address, name: read.name, phone: read.phone ?? null };
};

const invoiceSettings = hash({
  custom_fields: clearable(list(hash({ name: text(40), value: text(140) }), 4)),
  default_payment_method: absent('PaymentMethod'),
  footer: clearable(text(MAX_TEXT)),
  rendering_options: clearable(
    hash({
      amount_tax_display: clearable(oneOf('exclude_tax', 'include_inclusive_tax')),
      template: absent('InvoiceRenderingTemplate'),
    }),
  ),
});

const invoicePrefix: Reader<string> = (value, param) => {
  if (typeof value === 'string' && /^[A-Z0-9]{1,12}$/.test(value)) return value;
  throw invalidRequest('An invoice prefix must be 1 to 12 uppercase letters or numbers.', { param });
};

/** https://docs.stripe.com/api/customers/update with its lengths as of 2026-11. */
const sharedSpec = {
  address: clearable(address),
  balance: integer(),
  business_name: clearable(text(150)),
  cash_balance: notSimulated,
  description: clearable(text(350)),
  email: clearable(email(512)),
  expand: expandable('customer'),
  individual_name: clearable(text(150)),
  invoice_prefix: invoicePrefix,
  invoice_settings: invoiceSettings,
  metadata,
  name: clearable(text(256)),
  next_invoice_sequence: integer({ min: 1 }),
  phone: clearable(text(20)),
  preferred_locales: clearable(list(text(20), 20)),
  shipping: clearable(shipping),
  source: absent('token'),
  tax: notSimulated,
  tax_exempt: clearable(oneOf('none', 'exempt', 'reverse')),
  validate: boolean,
};

export const updateSpec = { ...sharedSpec, default_source: absent('source') };
export const createSpec = {
  ...sharedSpec,
  payment_method: absent('PaymentMethod'),
  tax_id_data: notSimulated,
  test_clock: requiredText(255),
};

/** Fields that are stored as sent. */
const PLAIN_FIELDS = [
  'address',
  'balance',
  'business_name',
  'description',
  'email',
  'individual_name',
  'invoice_prefix',
  'name',
  'next_invoice_sequence',
  'phone',
  'shipping',
] as const;

/**
 * The fields after a create (`before` absent) or a sparse update. Throws a `Failure` when the merged metadata has too
 * many keys.
 */
export function mergeFields(params: Read<typeof sharedSpec>, before: CustomerFields = EMPTY_FIELDS): CustomerFields {
  const sent = PLAIN_FIELDS.filter((field) => params[field] !== undefined).map((field) => [field, params[field]]);
  return {
    ...before,
    ...(Object.fromEntries(sent) as Partial<CustomerFields>),
    metadata: params.metadata === undefined ? before.metadata : mergeMetadata(before.metadata, params.metadata),
    invoice_settings:
      params.invoice_settings === undefined
        ? before.invoice_settings
        : mergeInvoiceSettings(before.invoice_settings, params.invoice_settings),
    preferred_locales:
      params.preferred_locales === undefined ? before.preferred_locales : (params.preferred_locales ?? []),
    tax_exempt: params.tax_exempt === undefined ? before.tax_exempt : (params.tax_exempt ?? 'none'),
  };
}

function mergeInvoiceSettings(before: InvoiceSettings, changes: Read<InvoiceSettingsSpec>): InvoiceSettings {
  const { custom_fields: fields, footer, rendering_options: options } = changes;
  return {
    custom_fields:
      fields === undefined
        ? before.custom_fields
        : (fields?.map(({ name = '', value = '' }) => ({ name, value })) ?? null),
    default_payment_method: null,
    footer: footer === undefined ? before.footer : footer,
    rendering_options:
      options === undefined
        ? before.rendering_options
        : options && { amount_tax_display: options.amount_tax_display ?? null, template: null },
  };
}

type InvoiceSettingsSpec = {
  readonly [K in keyof ReturnType<typeof invoiceSettings>]-?: Reader<
    Exclude<ReturnType<typeof invoiceSettings>[K], undefined>
  >;
};
