import { pgTable, real, text, timestamp } from 'drizzle-orm/pg-core';

// Microseconds: at 90 requests a second a slot is 11.1 ms wide, so rounding to milliseconds would change the rate by
// percents.
const preciseInstant = (name: string) => timestamp(name, { withTimezone: true, precision: 6 });

/** Rate budget of one provider account, shared by every process. A caller reserves the next free slot and waits for it. */
export const providerBudgets = pgTable('provider_budgets', {
  /** `stripe/sandbox/acct_…`. */
  key: text('key').primaryKey(),
  /** When the next slot is free. */
  nextFreeAt: preciseInstant('next_free_at').notNull(),
  /** The rate after the last 429, and when it was cut. It recovers with time. */
  throttledRatePerSecond: real('throttled_rate_per_second'),
  throttledAt: preciseInstant('throttled_at'),
});
