import { z } from 'zod';
import { account } from '../../core/control-schemas.ts';

export const stateQuery = z.strictObject({ account, includeDeleted: z.stringbool().default(false) });

export const emitBody = z
  .strictObject({
    url: z.url({ protocol: /^https?$/ }),
    account,
    /** Send an existing event of the account again, unchanged. */
    eventId: z.string().optional(),
    /** Or send a new event of this type, about a customer or any object. */
    type: z.string().min(1).optional(),
    customerId: z.string().optional(),
    /** Any object of the account. */
    objectId: z.string().optional(),
    object: z.record(z.string(), z.unknown()).optional(),
    previousAttributes: z.record(z.string(), z.unknown()).optional(),
    /**
     * Send to the platform's endpoint for events on connected accounts: the event names the account and is signed with
     * the platform's secret.
     */
    connect: z.boolean().default(false),
    times: z.int().min(1).max(1_000).default(1),
    signature: z.enum(['valid', 'wrong', 'absent']).default('valid'),
    secret: z.string().optional(),
    timestampOffsetSeconds: z.int().default(0),
  })
  .refine(({ eventId, type }) => (eventId === undefined) !== (type === undefined), 'give either eventId or type')
  .refine(
    ({ type, customerId, objectId, object }) =>
      type === undefined || [customerId, objectId, object].filter((about) => about !== undefined).length === 1,
    'give type with one of customerId, objectId and object',
  );

export type EmitBody = z.infer<typeof emitBody>;

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

/** Stripe's version format: a date, with a name since 2024-09-30. */
const apiVersion = z.string().regex(/^\d{4}-\d{2}-\d{2}(\.[a-z]+)?$/);

export const apiVersionBody = z.strictObject({ account, apiVersion });

export const newAccountBody = z.strictObject({
  name: z.string().min(1).max(100).optional(),
  secretKey: z
    .string()
    .regex(/^sk_test_\w{4,}$/)
    .optional(),
  webhookSecret: z
    .string()
    .regex(/^whsec_\w{4,}$/)
    .optional(),
  settlementCurrency: z
    .string()
    .regex(/^[a-z]{3}$/)
    .nullable()
    .optional(),
  apiVersion: apiVersion.optional(),
});
