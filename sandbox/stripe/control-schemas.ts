import { z } from 'zod';

/** An account id; account A when absent. */
const account = z.string().optional();
const seconds = z.int().min(0);
const nullableText = z.string().nullable();

export const accountQuery = z.strictObject({ account });

export const callsQuery = z.strictObject({ since: z.coerce.number().min(0).default(0), account });

export const stateQuery = z.strictObject({ account, includeDeleted: z.stringbool().default(false) });

export const resetBody = z.strictObject({ account });

const address = z.strictObject({
  city: nullableText.default(null),
  country: nullableText.default(null),
  line1: nullableText.default(null),
  line2: nullableText.default(null),
  postal_code: nullableText.default(null),
  state: nullableText.default(null),
});

/** A customer as it stands at Stripe. Lengths are not checked: what is there already may be odd. */
const seededCustomer = z.strictObject({
  id: z.string().min(1).max(255).regex(/^[\w-]+$/).optional(),
  created: seconds.optional(),
  address: address.nullable().optional(),
  balance: z.int().optional(),
  business_name: nullableText.optional(),
  description: nullableText.optional(),
  email: nullableText.optional(),
  individual_name: nullableText.optional(),
  metadata: z.record(z.string(), z.string()).optional(),
  name: nullableText.optional(),
  phone: nullableText.optional(),
  preferred_locales: z.array(z.string()).optional(),
  shipping: z.strictObject({ address, name: z.string(), phone: nullableText.default(null) }).nullable().optional(),
  tax_exempt: z.enum(['none', 'exempt', 'reverse']).optional(),
});

export const seedBody = z
  .strictObject({
    resource: z.literal('customers'),
    account,
    count: z.int().min(1).max(2_000_000).optional(),
    records: z.array(seededCustomer).min(1).max(100_000).optional(),
  })
  .refine(({ count, records }) => (count === undefined) !== (records === undefined), 'give either count or records');

export type SeedBody = z.infer<typeof seedBody>;
export type SeededCustomer = z.infer<typeof seededCustomer>;

export const emitBody = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    account,
    /** An event of the account, sent again as it is. */
    eventId: z.string().optional(),
    /** Or a new event of this type, about a customer or about any object at all. */
    type: z.string().min(1).optional(),
    customerId: z.string().optional(),
    object: z.record(z.string(), z.unknown()).optional(),
    previousAttributes: z.record(z.string(), z.unknown()).optional(),
    times: z.int().min(1).max(1_000).default(1),
    signature: z.enum(['valid', 'wrong', 'absent']).default('valid'),
    secret: z.string().optional(),
    timestampOffsetSeconds: z.int().default(0),
  })
  .refine(({ eventId, type }) => (eventId === undefined) !== (type === undefined), 'give either eventId or type')
  .refine(({ type, customerId, object }) => type === undefined || (customerId === undefined) !== (object === undefined), 'give type with either customerId or object');

export type EmitBody = z.infer<typeof emitBody>;

/** `now` is milliseconds since the epoch or an ISO time. */
export const clockBody = z.union([
  z.strictObject({ offsetMs: z.int() }),
  z.strictObject({ now: z.union([z.number(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))]) }),
]);

const rate = z.number().min(0).max(1_000_000);

export const limitsBody = z
  .strictObject({
    requestsPerSecond: rate,
    burst: z.int().min(1).nullable(),
    endpointRequestsPerSecond: rate,
    latencyMs: z.int().min(0).max(60_000),
    searchDelayMs: z.int().min(0),
  })
  .partial();

export const newAccountBody = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  secretKey: z.string().regex(/^sk_test_\w{4,}$/).optional(),
  webhookSecret: z.string().regex(/^whsec_\w{4,}$/).optional(),
});
