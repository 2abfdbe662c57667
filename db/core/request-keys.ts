import { and, eq, gt, lte, sql } from 'drizzle-orm';
import type { AnyColumn, SQL } from 'drizzle-orm';
import { IDEMPOTENCY_KEPT_DAYS } from './idempotency-store.ts';

/**
 * A request key is a digest of one request: its caller, operation, Idempotency-Key and body. It stands in the row that the request has made,
 * written with it: so the repeat of a request whose process died before it could store its answer finds that row and makes no second.
 * It counts as long as the Idempotency-Key itself does: after that the same key is a new request, and has to make something new.
 */
interface Requested {
  readonly requestKey: AnyColumn;
  readonly createdAt: AnyColumn;
}

export function isMadeBy(table: Requested, requestKey: string): SQL | undefined {
  return and(eq(table.requestKey, requestKey), gt(table.createdAt, oldest));
}

/** Such a row has to give its key up before another can have it. */
export function isLapsed(table: Requested, requestKey: string): SQL | undefined {
  return and(eq(table.requestKey, requestKey), lte(table.createdAt, oldest));
}

const oldest = sql`now() - ${IDEMPOTENCY_KEPT_DAYS}::integer * interval '1 day'`;
