import { z } from 'zod';
import { decimalText, epochSeconds, metadataOf, nullableIdOf, nullableText } from '../http/responses.ts';
import { invoiceLineSchema } from '../transactions/transaction-responses.ts';

const nullableTime = epochSeconds.nullish().transform((value) => value ?? null);
const taxes = z
  .array(z.object({ amount: z.int() }))
  .nullish()
  .transform((value) => value ?? []);

/** https://docs.stripe.com/api/invoices/line_item, read 2026-11-28. */
export const wholeLineSchema = invoiceLineSchema.extend({
  pricing: z
    .object({
      price_details: z
        .object({ product: nullableText })
        .nullish()
        .transform((value) => value ?? { product: null }),
      unit_amount_decimal: decimalText,
    })
    .nullish()
    .transform((value) => value ?? null),
  taxes,
});
export type StripeWholeLine = z.output<typeof wholeLineSchema>;

/**
 * The fields that we read of Stripe's Invoice (https://docs.stripe.com/api/invoices/object, read 2026-11-28). Amounts
 * are in Stripe's units of `currency`.
 */
export const wholeInvoiceSchema = z.object({
  id: z.string().min(1),
  object: z.literal('invoice'),
  amount_remaining: z.int(),
  created: epochSeconds,
  currency: z.string().min(1),
  customer: nullableIdOf,
  due_date: nullableTime,
  lines: z.object({ data: z.array(wholeLineSchema), has_more: z.boolean() }),
  metadata: metadataOf,
  number: nullableText,
  status: z
    .enum(['draft', 'open', 'paid', 'void', 'uncollectible'])
    .nullish()
    .transform((value) => value ?? 'draft'),
  status_transitions: z.object({ finalized_at: nullableTime }),
  subtotal: z.int(),
  total: z.int(),
  total_taxes: taxes,
});
export type StripeWholeInvoice = z.output<typeof wholeInvoiceSchema>;
