import { integer, pgTable, primaryKey, text, timestamp } from 'drizzle-orm/pg-core';

/**
 * Calls in a long window, such as a day, of one provider account or of our app. A window starts with its first call.
 */
export const providerQuotas = pgTable(
  'provider_quotas',
  {
    /** `stripe/sandbox/acct_…`, or `app/stripe/sandbox` for our app. */
    key: text('key').notNull(),
    windowS: integer('window_s').notNull(),
    used: integer('used').notNull(),
    startedAt: timestamp('started_at', { withTimezone: true, precision: 3 }).notNull(),
  },
  (table) => [primaryKey({ columns: [table.key, table.windowS] })],
);
