import { z } from 'zod';
import type { ConnectionId } from '../../contracts/ids.ts';
import { LINK_STATES } from '../../contracts/records.ts';
import type { Address, CustomerFields, CustomerRecord } from '../../contracts/records.ts';
import { flag, instant, paging, sourceId, timestamp, uuid } from './common.ts';

const addressLine = z.string().max(500).nullable().optional();
const address = z
  .strictObject({ line1: addressLine, line2: addressLine, city: addressLine, region: addressLine, postalCode: addressLine, country: addressLine })
  .transform((given): Address => ({
    line1: given.line1 ?? null,
    line2: given.line2 ?? null,
    city: given.city ?? null,
    region: given.region ?? null,
    postalCode: given.postalCode ?? null,
    country: given.country ?? null,
  }));

const metadata = z
  .record(z.string().min(1).max(100), z.string().max(5_000))
  .refine((entries) => Object.keys(entries).length <= 50, 'Must have at most 50 keys')
  .meta({ description: 'At most 50 keys of 1–100 characters; values are strings of at most 5,000.' });

/** Absent keeps the stored value, null clears it. */
const fields = {
  name: z.string().max(1_000).nullable().optional(),
  email: z.email().max(512).nullable().optional(),
  phone: z.string().max(50).nullable().optional(),
  address: address.nullable().optional().meta({ description: 'Replaced as a whole.' }),
  marketingConsent: z.boolean().nullable().optional(),
  metadata: metadata
    .nullable()
    .transform((entries) => entries ?? {})
    .optional(),
};

export const customerRecord = z.strictObject({ sourceId, ...fields }).meta({ id: 'CustomerInput' });

const unchangedSourceId = sourceId.optional().meta({ description: 'May be sent back as it was read; it cannot be changed.' });
export const customerChangesBody = z.strictObject({ sourceId: unchangedSourceId, ...fields }).meta({ id: 'CustomerChanges' });
export const customerReplacementBody = customerChangesBody.meta({ id: 'CustomerReplacement', description: 'Fields left out are cleared.' });

const EMPTY: CustomerFields = { name: null, email: null, phone: null, address: null, marketingConsent: null, metadata: {} };

/** What PUT means: what was not sent is empty. */
export function toReplacement(given: Partial<z.output<typeof customerChangesBody>>): CustomerFields {
  return {
    name: given.name ?? EMPTY.name,
    email: given.email ?? EMPTY.email,
    phone: given.phone ?? EMPTY.phone,
    address: given.address ?? EMPTY.address,
    marketingConsent: given.marketingConsent ?? EMPTY.marketingConsent,
    metadata: given.metadata ?? EMPTY.metadata,
  };
}

export const customerListQuery = z.strictObject({
  ...paging,
  sourceId: sourceId.optional(),
  updatedSince: instant.optional().meta({ description: 'Changed at or after this time.' }),
  connectionId: uuid.transform((id) => id as ConnectionId).optional().meta({ description: 'Linked to this connection.' }),
  includeDeleted: flag.meta({ description: 'Also show deleted ones.' }),
});

const text = z.string().nullable();

export const customerAnswer = z
  .object({
    id: z.uuid(),
    venueId: z.uuid(),
    sourceId: z.string(),
    name: text,
    email: text,
    phone: text,
    address: z.object({ line1: text, line2: text, city: text, region: text, postalCode: text, country: text }).nullable(),
    marketingConsent: z.boolean().nullable(),
    metadata: z.record(z.string(), z.string()),
    version: z.int().meta({ description: 'Grows by one with every change.' }),
    createdAt: timestamp,
    updatedAt: timestamp,
    deletedAt: timestamp.nullable(),
    links: z.array(
      z.object({ connectionId: z.uuid(), externalId: text, syncedAt: timestamp.nullable(), state: z.enum(LINK_STATES) }),
    ),
  })
  .meta({ id: 'Customer' });

export function presentCustomer(customer: CustomerRecord): z.input<typeof customerAnswer> {
  return {
    id: customer.id,
    venueId: customer.venueId,
    sourceId: customer.sourceId,
    name: customer.name,
    email: customer.email,
    phone: customer.phone,
    address: customer.address && { ...customer.address },
    marketingConsent: customer.marketingConsent,
    metadata: { ...customer.metadata },
    version: customer.version,
    createdAt: customer.createdAt.toISOString(),
    updatedAt: customer.updatedAt.toISOString(),
    deletedAt: customer.deletedAt?.toISOString() ?? null,
    links: customer.links.map((link) => ({
      connectionId: link.connectionId,
      externalId: link.externalId,
      syncedAt: link.syncedAt?.toISOString() ?? null,
      state: link.state,
    })),
  };
}
