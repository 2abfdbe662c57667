import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Concurrency leases: how many requests at once a holder may have with one provider account. Expired ones count for nothing. */
export const providerLeases = pgTable(
  'provider_leases',
  {
    id: uuid('id').primaryKey(),
    key: text('key').notNull(),
    /** Who asked, such as a sync run: a newer lease of the same holder replaces the older one, which a killed worker left behind. */
    holder: text('holder').notNull(),
    slots: integer('slots').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /** The worker process that uses them (`db/runs/worker-presence.ts`), and the activity attempt that it does so for: Temporal's token, as base64. */
    workerKey: integer('worker_key'),
    taskToken: text('task_token'),
  },
  (table) => [index('provider_leases_key').on(table.key)],
);
