import { z } from 'zod';
import { decimalText, deletable, epochSeconds, metadataOf, nullableIdOf, nullableText } from '../http/responses.ts';

const currencyOption = z.object({
  unit_amount: z.int().nullish(),
  unit_amount_decimal: decimalText,
  tax_behavior: nullableText,
  custom_unit_amount: z.object({}).nullish(),
});

/** The fields that we read of Stripe's Price (https://docs.stripe.com/api/prices/object, read 2026-11-21). */
export const priceSchema = z.object({
  id: z.string().min(1),
  object: z.literal('price'),
  metadata: metadataOf,
  billing_scheme: z.string(),
  currency: z.string().min(1),
  /** Null when the amount is tiered, chosen by the buyer, or a fraction of a minor unit. */
  unit_amount: z
    .int()
    .nullish()
    .transform((value) => value ?? null),
  custom_unit_amount: z.object({}).nullish(),
  recurring: z
    .object({
      interval: z.string(),
      interval_count: z.int(),
      usage_type: z.string(),
      trial_period_days: z.int().nullish(),
    })
    .nullish(),
  lookup_key: nullableText,
  nickname: nullableText,
  /**
   * Present only on request. The price's own currency is included (https://docs.stripe.com/api/prices/object, read
   * 2026-11-28).
   */
  currency_options: z.record(z.string(), currencyOption).nullish(),
  tax_behavior: nullableText,
  transform_quantity: z.object({}).nullish(),
});
export type StripePrice = z.output<typeof priceSchema>;

/** The fields that we read of Stripe's Product (https://docs.stripe.com/api/products/object, read 2026-11-21). */
const productFields = {
  id: z.string().min(1),
  object: z.literal('product'),
  created: epochSeconds,
  /** The second of the last change of the product, also of which price is its default. */
  updated: epochSeconds.nullish().transform((value) => value ?? null),
  active: z.boolean(),
  name: z.string(),
  description: nullableText,
  images: z.array(z.string()),
  metadata: metadataOf,
};

/** `default_price` must be expanded: an id alone would be read as no price. A deleted price counts as none. */
export const productSchema = z.object({
  ...productFields,
  default_price: deletable('price', priceSchema)
    .nullish()
    .transform((price) => (price == null || price.deleted ? null : price)),
});
export type StripeProduct = z.output<typeof productSchema>;

/**
 * Reads only which product an event is about: its product has no price, and its price no product. A deleted price may
 * not name its product; it was then nobody's default.
 */
export const productEventSubject = z.discriminatedUnion('object', [
  z.object({ object: z.literal('product'), id: z.string().min(1), metadata: metadataOf.catch({}) }),
  z.object({ object: z.literal('price'), product: nullableIdOf }),
]);
