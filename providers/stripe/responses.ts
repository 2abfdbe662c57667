import { z } from 'zod';

export const nullableText = z.string().nullish().transform((value) => value ?? null);
export const metadataOf = z.record(z.string(), z.string()).nullish().transform((value) => value ?? {});

/** The id of an object that comes as its id or, when it was asked for, whole. */
export const idOf = z.union([z.string().min(1), z.object({ id: z.string().min(1) }).transform(({ id }) => id)]);
export const nullableIdOf = idOf.nullish().transform((value) => value ?? null);

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
  metadata: metadataOf,
});
export type StripeCustomer = z.output<typeof customerSchema>;

export const deletedSchema = <Name extends string>(object: Name) => z.object({ id: z.string().min(1), object: z.literal(object), deleted: z.literal(true) });

export const listSchema = <Item extends z.ZodType>(item: Item) => z.object({ object: z.literal('list'), has_more: z.boolean(), data: z.array(item) });

/** https://docs.stripe.com/api/search/pagination, read 2026-11-21; `total_count` comes only when it is asked for. */
export const searchSchema = z.object({
  object: z.literal('search_result'),
  total_count: z.int().min(0).nullish().transform((value) => value ?? null),
});

/** https://docs.stripe.com/api/events/object, read 2026-11-21. `data.object` is the object as it was then. */
export const eventSchema = <Subject extends z.ZodType>(subject: Subject) =>
  z.object({ id: z.string().min(1), type: z.string().min(1), created: z.int(), data: z.object({ object: subject }) });

export const accountSchema = z.object({
  id: z.string().min(1),
  object: z.literal('account'),
  business_profile: z.object({ name: nullableText }).nullish(),
  settings: z.object({ dashboard: z.object({ display_name: nullableText }).nullish() }).nullish(),
});
