import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Whether a provider, or one account at it, answers (`domain/circuits/circuit.ts`). No row: closed, and the last call has succeeded. */
export const providerCircuits = pgTable('provider_circuits', {
  /** `stripe/sandbox/acct_…` for an account, `stripe/sandbox/*` for all of them. */
  key: text('key').primaryKey(),
  /** In a row. */
  failures: integer('failures').notNull().default(0),
  /** In a row, of probes since it opened. */
  successes: integer('successes').notNull().default(0),
  /** Null while it is closed. */
  openedAt: instant('opened_at'),
  /** When the next probe may pass. */
  retryAt: instant('retry_at'),
  /** A probe is under way; if its process has died, another may pass from then on. */
  probingUntil: instant('probing_until'),
  updatedAt: instant('updated_at').notNull().defaultNow(),
});
