import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/**
 * State of the circuit of a provider or one of its accounts (`domain/circuits/circuit.ts`). Without a row the circuit
 * is closed and the last call succeeded.
 */
export const providerCircuits = pgTable('provider_circuits', {
  /** `stripe/sandbox/acct_…` for an account, `stripe/sandbox/*` for all accounts. */
  key: text('key').primaryKey(),
  /** Consecutive failures. */
  failures: integer('failures').notNull().default(0),
  /** Consecutive successful probes since it opened. */
  successes: integer('successes').notNull().default(0),
  /** Null while the circuit is closed. */
  openedAt: instant('opened_at'),
  /** When the next probe may pass. */
  retryAt: instant('retry_at'),
  /** Until then a probe counts as running; later another may start, in case the first one's process died. */
  probingUntil: instant('probing_until'),
  updatedAt: instant('updated_at').notNull().defaultNow(),
});
