import type { InvoiceLine } from './invoice.ts';
import type { Shape, Stored } from '../http/table.ts';

/** The mutable fields of an invoice item: a line that waits for an invoice or is on one. */
export interface InvoiceItemFields extends Pick<
  InvoiceLine,
  'amount' | 'description' | 'metadata' | 'period' | 'price' | 'quantity'
> {
  readonly currency: string;
  readonly customer: string;
  readonly invoice: string | null;
}

/** The invoice item resource of API 2026-10-28.endive: https://docs.stripe.com/api/invoiceitems/object. */
function renderInvoiceItem({ id, created, fields }: Stored<InvoiceItemFields>) {
  const { price } = fields;
  return {
    id,
    object: 'invoiceitem' as const,
    amount: fields.amount,
    currency: fields.currency,
    customer: fields.customer,
    customer_account: null,
    date: created,
    description: fields.description,
    discountable: true,
    discounts: [],
    invoice: fields.invoice,
    livemode: false,
    metadata: fields.metadata,
    net_amount: fields.amount,
    parent: null,
    period: fields.period,
    pricing: price && {
      price_details: { price: price.id, product: price.product },
      type: 'price_details',
      unit_amount_decimal: price.unit_amount_decimal,
    },
    proration: false,
    quantity: fields.quantity,
    quantity_decimal: String(fields.quantity),
    tax_rates: [],
    test_clock: null,
  };
}

export const invoiceItemShape: Shape<InvoiceItemFields> = {
  render: renderInvoiceItem,
  keys: { customer: ({ customer }) => customer, invoice: ({ invoice }) => invoice },
};
