import { z } from 'zod';
import { CARD_NAMES } from '../payments/test-cards.ts';

const seconds = z.int().min(0);
const nullableText = z.string().nullable();
const givenId = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[\w-]+$/);
const id = givenId.optional();
const metadata = z.record(z.string(), z.string()).optional();
const currency = z.string().regex(/^[a-z]{3}$/);
const minor = z.int();

const address = z.strictObject({
  city: nullableText.default(null),
  country: nullableText.default(null),
  line1: nullableText.default(null),
  line2: nullableText.default(null),
  postal_code: nullableText.default(null),
  state: nullableText.default(null),
});

/** A customer as stored at Stripe. Lengths are not checked, because existing data may be irregular. */
const customer = z.strictObject({
  id,
  created: seconds.optional(),
  address: address.nullable().optional(),
  balance: z.int().optional(),
  business_name: nullableText.optional(),
  description: nullableText.optional(),
  email: nullableText.optional(),
  individual_name: nullableText.optional(),
  metadata,
  name: nullableText.optional(),
  phone: nullableText.optional(),
  preferred_locales: z.array(z.string()).optional(),
  shipping: z
    .strictObject({ address, name: z.string(), phone: nullableText.default(null) })
    .nullable()
    .optional(),
  tax_exempt: z.enum(['none', 'exempt', 'reverse']).optional(),
});

/** `unit_amount` and `currency` together also create a default price. */
const product = z.strictObject({
  id,
  created: seconds.optional(),
  active: z.boolean().optional(),
  description: nullableText.optional(),
  images: z.array(z.string()).optional(),
  metadata,
  name: z.string(),
  shippable: z.boolean().nullable().optional(),
  statement_descriptor: nullableText.optional(),
  tax_code: nullableText.optional(),
  unit_label: nullableText.optional(),
  url: nullableText.optional(),
  currency: currency.default('usd'),
  unit_amount: minor.min(0).optional(),
});

const price = z.strictObject({
  id,
  created: seconds.optional(),
  active: z.boolean().optional(),
  currency: currency.default('usd'),
  lookup_key: nullableText.optional(),
  metadata,
  nickname: nullableText.optional(),
  product: z.string(),
  recurring: z
    .strictObject({
      interval: z.enum(['day', 'week', 'month', 'year']),
      interval_count: z.int().min(1).default(1),
      trial_period_days: z.int().min(1).nullable().default(null),
    })
    .nullable()
    .optional(),
  unit_amount: minor.min(0),
});

/** How the payment settles when it differs from the default. `fee` and the rate are in the settlement currency. */
const settlement = {
  fee: minor.optional(),
  settlement_currency: currency.optional(),
  exchange_rate: z.number().positive().optional(),
};

const charge = z.strictObject({
  id,
  amount: minor.min(0),
  card: z.enum(CARD_NAMES).optional(),
  created: seconds.optional(),
  currency: currency.default('usd'),
  customer: z.string().nullable().optional(),
  description: nullableText.optional(),
  /** Opens a dispute over the amount not refunded; a string is its reason. */
  disputed: z.union([z.boolean(), z.string()]).default(false),
  metadata,
  /** `true` creates the charge's payment intent; a string sets that intent's id. */
  payment_intent: z.union([z.boolean(), givenId]).default(false),
  receipt_email: nullableText.optional(),
  refunded_amount: minor.min(0).default(0),
  status: z.enum(['succeeded', 'failed', 'pending']).optional(),
  ...settlement,
});

const refund = z.strictObject({
  id,
  amount: minor.min(1).optional(),
  charge: z.string(),
  created: seconds.optional(),
  metadata,
  reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).nullable().optional(),
  status: z.enum(['pending', 'succeeded', 'failed']).optional(),
});

const dispute = z.strictObject({
  id,
  amount: minor.min(1).optional(),
  charge: z.string(),
  created: seconds.optional(),
  metadata,
  reason: z.string().optional(),
  status: z.enum(['needs_response', 'won', 'lost']).default('needs_response'),
});

/** A balance transaction on its own, in the settlement currency. */
const balanceTransaction = z.strictObject({
  id,
  amount: minor,
  available_on: seconds.optional(),
  created: seconds.optional(),
  currency: currency.default('usd'),
  description: nullableText.optional(),
  exchange_rate: z.number().positive().nullable().optional(),
  fee: minor.default(0),
  payout: nullableText.optional(),
  source: nullableText.optional(),
  type: z.string().min(1).default('adjustment'),
});

/** A payout of these balance transactions, or of everything in its currency that is available and not yet paid out. */
const payout = z.strictObject({
  id,
  balance_transactions: z.array(z.string()).optional(),
  created: seconds.optional(),
  currency: currency.default('usd'),
  metadata,
});

/** An invoice as stored at Stripe. Any `status` but `draft` counts as finalized at creation. */
const invoice = z.strictObject({
  id,
  created: seconds.optional(),
  amount_paid: minor.min(0).optional(),
  currency: currency.default('usd'),
  customer: z.string().default('cus_nobody'),
  description: nullableText.optional(),
  due_date: seconds.nullable().optional(),
  lines: z
    .array(
      z.strictObject({ amount: minor, description: nullableText.default(null), quantity: z.int().min(0).default(1) }),
    )
    .default([]),
  metadata,
  number: nullableText.optional(),
  status: z.enum(['draft', 'open', 'paid', 'uncollectible', 'void']).default('draft'),
});

const account = z.string().optional();
const count = z.int().min(1).max(2_000_000).optional();
const records = <T extends z.ZodType>(record: T) => z.array(record).min(1).max(100_000);

const countedOrGiven = <const R extends string, T extends z.ZodType>(resource: R, record: T) =>
  z.strictObject({ resource: z.literal(resource), account, count, records: records(record).optional() });
const given = <const R extends string, T extends z.ZodType>(resource: R, record: T) =>
  z.strictObject({ resource: z.literal(resource), account, records: records(record) });

function countOf(seed: object): unknown {
  return 'count' in seed ? seed.count : undefined;
}

export const seedBody = z
  .discriminatedUnion('resource', [
    countedOrGiven('customers', customer),
    countedOrGiven('products', product),
    given('prices', price),
    countedOrGiven('charges', charge),
    given('refunds', refund),
    given('disputes', dispute),
    given('balance_transactions', balanceTransaction),
    given('payouts', payout),
    countedOrGiven('invoices', invoice),
  ])
  .refine((seed) => (countOf(seed) === undefined) !== (seed.records === undefined), 'give either count or records');

export type SeedBody = z.infer<typeof seedBody>;
export type SeededCustomer = z.infer<typeof customer>;
export type SeededProduct = z.infer<typeof product>;
export type SeededPrice = z.infer<typeof price>;
export type SeededCharge = z.infer<typeof charge>;
export type SeededRefund = z.infer<typeof refund>;
export type SeededDispute = z.infer<typeof dispute>;
export type SeededBalanceTransaction = z.infer<typeof balanceTransaction>;
export type SeededInvoice = z.infer<typeof invoice>;
export type SeededPayout = z.infer<typeof payout>;
