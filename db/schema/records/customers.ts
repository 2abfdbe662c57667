import { boolean, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import type { Address } from '../../../contracts/records.ts';
import { recordEnvelope, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

const envelope = recordEnvelope();

export const customers = pgTable(
  'customers',
  {
    ...envelope,
    venueId: envelope.venueId.references(() => venues.id),
    name: text('name'),
    email: text('email'),
    phone: text('phone'),
    address: jsonb('address').$type<Address>(),
    marketingConsent: boolean('marketing_consent'),
  },
  (table) => [
    uniqueIndex('customers_source').on(table.venueId, table.sourceId),
    index('customers_page').on(table.venueId, table.id),
    index('customers_updated').on(table.venueId, table.updatedAt),
    venuePolicy('customers'),
  ],
);
