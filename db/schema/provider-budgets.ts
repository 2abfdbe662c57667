import { pgTable, real, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** Rate budget of one provider account, shared by every process. A caller reserves the next free slot and waits for it. */
export const providerBudgets = pgTable('provider_budgets', {
  /** `stripe/sandbox/acct_…`. */
  key: text('key').primaryKey(),
  /** When the next slot is free. */
  nextFreeAt: instant('next_free_at').notNull(),
  /** Rate to which the last 429 cut the budget, and when; it recovers with time. */
  throttledRatePerSecond: real('throttled_rate_per_second'),
  throttledAt: instant('throttled_at'),
});
