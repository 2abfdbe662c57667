import { and, eq, gt, lte, sql } from 'drizzle-orm';
import type { AnyColumn, SQL } from 'drizzle-orm';
import { IDEMPOTENCY_KEPT_DAYS } from './idempotency-store.ts';

/**
 * A request key is a digest of one request: its caller, operation, Idempotency-Key and body. It is stored in the row
 * that the request creates, so that a repeat of a request whose process died before it stored its answer finds that row
 * and creates no second. It expires with the Idempotency-Key: after that the same key is a new request and creates
 * something new.
 */
interface Requested {
  readonly requestKey: AnyColumn;
  readonly createdAt: AnyColumn;
}

export function isMadeBy(table: Requested, requestKey: string): SQL | undefined {
  return and(eq(table.requestKey, requestKey), gt(table.createdAt, oldest));
}

/** A row whose key has expired, which must give it up before another row can have it. */
export function isLapsed(table: Requested, requestKey: string): SQL | undefined {
  return and(eq(table.requestKey, requestKey), lte(table.createdAt, oldest));
}

const oldest = sql`now() - ${IDEMPOTENCY_KEPT_DAYS}::integer * interval '1 day'`;
