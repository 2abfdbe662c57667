import { index, integer, jsonb, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

/** First answers to POSTs, per caller and path, kept 7 days. `lockedUntil` is set while the first is still being made. */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    caller: text('caller').notNull(),
    /** Method and path. */
    operation: text('operation').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of the request's body. */
    requestHash: text('request_hash').notNull(),
    lockedUntil: instant('locked_until'),
    status: integer('status'),
    headers: jsonb('headers').$type<Readonly<Record<string, string>>>(),
    body: text('body'),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [primaryKey({ columns: [table.caller, table.operation, table.key] }), index('idempotency_keys_expiry').on(table.expiresAt)],
);
