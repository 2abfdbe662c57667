import { index, integer, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/**
 * Concurrency leases: how many concurrent requests a holder may make to one provider account. Expired ones do not
 * count. A key that ends with the name of a part of the account, such as `catalogue`, has one slot: the right to write
 * to that part (`providers/limits/exclusive-writes.ts`).
 */
export const providerLeases = pgTable(
  'provider_leases',
  {
    id: uuid('id').primaryKey(),
    key: text('key').notNull(),
    /**
     * Who asked, such as a sync run. A holder's newer lease replaces its older one, which a killed worker left behind.
     */
    holder: text('holder').notNull(),
    slots: integer('slots').notNull(),
    expiresAt: instant('expires_at').notNull(),
    /**
     * The worker process that uses the lease (`db/runs/worker-presence.ts`), and the activity attempt: Temporal's token
     * as base64.
     */
    workerKey: integer('worker_key'),
    taskToken: text('task_token'),
  },
  (table) => [index('provider_leases_key').on(table.key)],
);
