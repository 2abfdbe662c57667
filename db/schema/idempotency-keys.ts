import { sql } from 'drizzle-orm';
import { check, customType, index, integer, pgPolicy, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { instant } from './columns.ts';

const bytes = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' });

/**
 * First answers to POSTs, per caller and path, kept 7 days. `lockedUntil` is set while the first request is still
 * running.
 */
export const idempotencyKeys = pgTable(
  'idempotency_keys',
  {
    /** The caller with the rights and reach of its token: two tokens of one subject are two callers. */
    caller: text('caller').notNull(),
    /** Method and path. */
    operation: text('operation').notNull(),
    /** SHA-256 of the Idempotency-Key, which itself is stored nowhere. */
    key: text('key').notNull(),
    /** SHA-256 of the request's body. */
    requestHash: text('request_hash').notNull(),
    lockedUntil: instant('locked_until'),
    status: integer('status'),
    createdAt: instant('created_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
    /** Status, headers and body, sealed: `db/core/sealed-answer.ts`. */
    answer: bytes('answer'),
  },
  (table) => [
    primaryKey({ columns: [table.caller, table.operation, table.key] }),
    index('idempotency_keys_expiry').on(table.expiresAt),
    check('idempotency_keys_answered', sql`(${table.status} is null) = (${table.answer} is null)`),
    pgPolicy('idempotency_keys_caller', {
      using: sql`caller = current_setting('app.caller')`,
      withCheck: sql`caller = current_setting('app.caller')`,
    }),
  ],
);
