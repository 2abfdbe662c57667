import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Concurrency leases: how many requests at once a holder may have with one provider account. Expired ones count for nothing. */
export const providerLeases = pgTable(
  'provider_leases',
  {
    id: uuid('id').primaryKey(),
    key: text('key').notNull(),
    slots: integer('slots').notNull(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [index('provider_leases_key').on(table.key)],
);
