import { index, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import type { ProviderId } from '../../contracts/providers.ts';
import { instant } from './columns.ts';

/** Provider events that were processed, so that a repeated delivery has no effect. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    provider: text('provider').$type<ProviderId>().notNull(),
    /** The provider's id of the event. */
    eventId: text('event_id').notNull(),
    receivedAt: instant('received_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.provider, table.eventId] }),
    index('webhook_deliveries_received').on(table.receivedAt),
  ],
);
