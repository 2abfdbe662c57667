import { and, eq, isNull, sql } from 'drizzle-orm';
import { idempotencyKeys } from '../schema/idempotency-keys.ts';
import { digestOf, openAnswer, sealAnswer } from './sealed-answer.ts';
import type { IdempotencyKeyRef, StoredAnswer } from './sealed-answer.ts';
import { withCaller } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

export type IdempotencyClaim =
  /** The request is new: do the work, then `complete` or `release`. */
  | { readonly kind: 'claimed' }
  /** A duplicate request is running, or its process died: ask again. A dead request's claim expires after `lockMs`. */
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'replay'; readonly answer: StoredAnswer }
  /** The key was used with another body. */
  | { readonly kind: 'mismatch' };

export interface IdempotencyStore {
  claim(ref: IdempotencyKeyRef, requestHash: string, lockMs: number): Promise<IdempotencyClaim>;
  complete(ref: IdempotencyKeyRef, answer: StoredAnswer): Promise<void>;
  /** Removes a claim whose work failed in a way that a retry may resolve (5xx). */
  release(ref: IdempotencyKeyRef): Promise<void>;
}

export const IDEMPOTENCY_KEPT_DAYS = 7;
const MAX_CLAIM_ATTEMPTS = 5;

export function createIdempotencyStore(db: Database): IdempotencyStore {
  return {
    claim: (ref, requestHash, lockMs) =>
      withCaller(db, ref.caller, async (tx) => {
        for (let attempt = 0; attempt < MAX_CLAIM_ATTEMPTS; attempt += 1) {
          if (await tryClaim(tx, ref, { requestHash, lockMs })) return { kind: 'claimed' };
          const [row] = await tx.select().from(idempotencyKeys).where(isKey(ref));
          if (row) return answerFor(ref, row, requestHash);
          // Released between the two statements, so the key is free again.
        }
        return { kind: 'in-flight' };
      }),

    complete: (ref, answer) =>
      withCaller(db, ref.caller, async (tx) => {
        // If two duplicates both did the work because the first one's lock expired, the first answer stays.
        await tx
          .update(idempotencyKeys)
          .set({ status: answer.status, answer: sealAnswer(ref, answer), lockedUntil: null })
          .where(and(isKey(ref), isNull(idempotencyKeys.status)));
      }),

    release: (ref) =>
      withCaller(db, ref.caller, async (tx) => {
        await tx.delete(idempotencyKeys).where(and(isKey(ref), isNull(idempotencyKeys.status)));
      }),
  };
}

const isKey = (ref: IdempotencyKeyRef) =>
  and(
    eq(idempotencyKeys.caller, ref.caller),
    eq(idempotencyKeys.operation, ref.operation),
    eq(idempotencyKeys.key, digestOf(ref)),
  );

/** One statement, so that of concurrent callers exactly one gets the row. */
async function tryClaim(
  tx: Transaction,
  ref: IdempotencyKeyRef,
  { requestHash, lockMs }: { readonly requestHash: string; readonly lockMs: number },
): Promise<boolean> {
  const lockedUntil = sql`now() + ${lockMs}::double precision * interval '1 millisecond'`;
  const fresh = {
    requestHash,
    lockedUntil,
    createdAt: sql`now()`,
    expiresAt: sql`now() + ${IDEMPOTENCY_KEPT_DAYS}::integer * interval '1 day'`,
  };
  const claimed = await tx
    .insert(idempotencyKeys)
    .values({ caller: ref.caller, operation: ref.operation, key: digestOf(ref), ...fresh })
    .onConflictDoUpdate({
      target: [idempotencyKeys.caller, idempotencyKeys.operation, idempotencyKeys.key],
      set: { ...fresh, status: null, answer: null },
      setWhere: sql`${idempotencyKeys.expiresAt} <= now()
        or (${idempotencyKeys.status} is null and ${idempotencyKeys.lockedUntil} <= now() and ${idempotencyKeys.requestHash} = ${requestHash})`,
    })
    .returning({ key: idempotencyKeys.key });
  return claimed.length === 1;
}

function answerFor(
  ref: IdempotencyKeyRef,
  row: typeof idempotencyKeys.$inferSelect,
  requestHash: string,
): IdempotencyClaim {
  if (row.requestHash !== requestHash) return { kind: 'mismatch' };
  if (row.answer === null) return { kind: 'in-flight' };
  return { kind: 'replay', answer: openAnswer(ref, row.answer) };
}
