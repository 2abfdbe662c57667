import { index, numeric, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { instant, recordEnvelope, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

const envelope = recordEnvelope();

export const inventoryLevels = pgTable(
  'inventory_levels',
  {
    ...envelope,
    venueId: envelope.venueId.references(() => venues.id),
    productSourceId: text('product_source_id').notNull(),
    location: text('location').notNull(),
    /** A decimal string in the API: some shops sell by weight. */
    quantity: numeric('quantity').notNull(),
    countedAt: instant('counted_at').notNull(),
  },
  (table) => [
    uniqueIndex('inventory_levels_source').on(table.venueId, table.sourceId),
    index('inventory_levels_page').on(table.venueId, table.id),
    index('inventory_levels_updated').on(table.venueId, table.updatedAt),
    venuePolicy('inventory_levels'),
  ],
);
