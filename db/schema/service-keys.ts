import { sql } from 'drizzle-orm';
import { check, pgTable, text } from 'drizzle-orm/pg-core';
import { bytes, instant } from './columns.ts';

/** Keys shared by all processes of an installation. They protect no credentials. */
export const serviceKeys = pgTable(
  'service_keys',
  {
    name: text('name').primaryKey(),
    key: bytes('key').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [check('service_keys_length', sql`octet_length(${table.key}) = 32`)],
);
