import { sql } from 'drizzle-orm';
import { check, customType, pgTable, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

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
