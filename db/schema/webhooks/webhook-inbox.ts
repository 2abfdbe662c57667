import { bigint, boolean, pgTable, smallint } from 'drizzle-orm/pg-core';

/** Who drains each partition of the inbox. */
export const webhookInbox = pgTable('webhook_inbox', {
  partition: smallint('partition').primaryKey(),
  /** A drainer is at work, or was told to begin. */
  awake: boolean('awake').notNull().default(false),
  /** The number of the newest drainer: an earlier one can mark nothing any more. */
  fence: bigint('fence', { mode: 'number' }).notNull().default(0),
});
