import { z } from 'zod';

const nullableText = z.string().nullish().transform((value) => value ?? null);

/** What we read of Stripe's Customer (https://docs.stripe.com/api/customers/object, read 2026-11-21). Unknown fields are let through. */
export const customerSchema = z.object({
  id: z.string().min(1),
  object: z.literal('customer'),
  created: z.int(),
  name: nullableText,
  email: nullableText,
  phone: nullableText,
  address: z
    .object({ line1: nullableText, line2: nullableText, city: nullableText, state: nullableText, postal_code: nullableText, country: nullableText })
    .nullish()
    .transform((value) => value ?? null),
  metadata: z.record(z.string(), z.string()).nullish().transform((value) => value ?? {}),
});
export type StripeCustomer = z.output<typeof customerSchema>;

export const deletedCustomerSchema = z.object({ id: z.string().min(1), object: z.literal('customer'), deleted: z.literal(true) });

export const listSchema = <Item extends z.ZodType>(item: Item) => z.object({ object: z.literal('list'), has_more: z.boolean(), data: z.array(item) });

/** https://docs.stripe.com/api/events/object, read 2026-11-21. `data.object` is the customer as it was then. */
export const customerEventSchema = z.object({
  id: z.string().min(1),
  type: z.enum(['customer.created', 'customer.updated', 'customer.deleted']),
  created: z.int(),
  data: z.object({ object: customerSchema }),
});

export const accountSchema = z.object({
  id: z.string().min(1),
  object: z.literal('account'),
  business_profile: z.object({ name: nullableText }).nullish(),
  settings: z.object({ dashboard: z.object({ display_name: nullableText }).nullish() }).nullish(),
});
