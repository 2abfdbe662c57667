import { pgTable, real, text, timestamp } from 'drizzle-orm/pg-core';
import type { ProviderId } from '../../contracts/providers.ts';
import { instant } from './columns.ts';

/** How fast chunks of a provider's syncs may start, as an operator has set it. Without a row there is no limit. */
export const providerBrakes = pgTable('provider_brakes', {
  provider: text('provider').$type<ProviderId>().primaryKey(),
  /** For all venues together; 0 holds all chunks. */
  chunksPerSecond: real('chunks_per_second').notNull(),
  nextFreeAt: timestamp('next_free_at', { withTimezone: true, precision: 6 }).notNull().defaultNow(),
  setAt: instant('set_at').notNull().defaultNow(),
});
