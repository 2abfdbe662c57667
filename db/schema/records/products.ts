import { bigint, boolean, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { recordEnvelope, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

const envelope = recordEnvelope();

export const products = pgTable(
  'products',
  {
    ...envelope,
    venueId: envelope.venueId.references(() => venues.id),
    name: text('name').notNull(),
    description: text('description'),
    sku: text('sku'),
    amountMinor: bigint('amount_minor', { mode: 'number' }),
    currency: text('currency'),
    active: boolean('active').notNull().default(true),
    taxable: boolean('taxable'),
    images: jsonb('images').$type<readonly string[]>().notNull().default([]),
  },
  (table) => [
    uniqueIndex('products_source').on(table.venueId, table.sourceId),
    index('products_page').on(table.venueId, table.id),
    index('products_updated').on(table.venueId, table.updatedAt),
    venuePolicy('products'),
  ],
);
