import { sql } from 'drizzle-orm';
import { ASYNCHRONOUS_COMMIT } from './asynchronous-commit.ts';
import { recordingOf } from './audit-store.ts';
import type { AuditEntry } from './audit-store.ts';
import { digestOf, openAnswer, sealAnswer } from './sealed-answer.ts';
import type { IdempotencyKeyRef, StoredAnswer } from './sealed-answer.ts';
import { statement } from './statement.ts';
import type { Execution } from './statement.ts';
import { violatesUnique } from './unique-violation.ts';
import { writeCaller, writeCallerInVenue } from './venue-scope.ts';
import type { Database } from './venue-scope.ts';

export type IdempotencyClaim =
  /** The request is new: do the work, then `complete` or `release`. */
  | { readonly kind: 'claimed' }
  /** A duplicate request is running, or its process died: ask again. A dead request's claim expires after `lockMs`. */
  | { readonly kind: 'in-flight' }
  | { readonly kind: 'replay'; readonly answer: StoredAnswer }
  /** The key was used with another body. */
  | { readonly kind: 'mismatch' };

/** A claim that the transaction of the work makes. The transaction fails, by `isKeyKnown`, for a key that was used before. */
export interface PendingClaim {
  readonly caller: string;
  readonly insert: Execution<unknown>;
}

export interface IdempotencyStore {
  pendingClaim(ref: IdempotencyKeyRef, requestHash: string, lockMs: number): PendingClaim;
  claim(ref: IdempotencyKeyRef, requestHash: string, lockMs: number): Promise<IdempotencyClaim>;
  /** Stores the answer, and the audit row of what it tells by the same commit. */
  complete(ref: IdempotencyKeyRef, answer: StoredAnswer, audit?: AuditEntry | null): Promise<void>;
  /** Removes a claim whose work failed in a way that a retry may resolve (5xx). */
  release(ref: IdempotencyKeyRef): Promise<void>;
}

export const IDEMPOTENCY_KEPT_DAYS = 7;
const MAX_CLAIM_ATTEMPTS = 5;

export function createIdempotencyStore(db: Database): IdempotencyStore {
  return {
    pendingClaim: (ref, requestHash, lockMs) => ({
      caller: ref.caller,
      insert: { statement: INSERT, values: { ...keyOf(ref), requestHash, lockMs } },
    }),

    async claim(ref, requestHash, lockMs) {
      const values = { ...keyOf(ref), requestHash, lockMs };
      for (let attempt = 0; attempt < MAX_CLAIM_ATTEMPTS; attempt += 1) {
        const [row] = await writeCaller(db, ref.caller, {
          ahead: [{ statement: SOON_DURABLE, values: {} }],
          last: { statement: CLAIM, values },
        });
        if (row) return row.claimed ? { kind: 'claimed' } : answerFor(ref, row, requestHash);
        // Claimed or released by another while the statement ran.
      }
      return { kind: 'in-flight' };
    },

    async complete(ref, answer, audit = null) {
      const values = { ...keyOf(ref), status: answer.status, answer: sealAnswer(ref, answer) };
      const last = { statement: COMPLETE, values };
      if (audit === null) await writeCaller(db, ref.caller, { last });
      else
        await writeCallerInVenue(
          db,
          { caller: ref.caller, venueId: audit.venueId },
          { ahead: [recordingOf(audit)], last },
        );
    },

    async release(ref) {
      await writeCaller(db, ref.caller, { last: { statement: RELEASE, values: keyOf(ref) } });
    },
  };
}

const keyOf = (ref: IdempotencyKeyRef) => ({ caller: ref.caller, operation: ref.operation, key: digestOf(ref) });

const given = (name: string) => sql.placeholder(name);
const IS_KEY = sql`caller = ${given('caller')} and operation = ${given('operation')} and key = ${given('key')}`;

/** The commit of the work, or of its answer, waits for the disk, and makes the claim before it durable too. */
const SOON_DURABLE = statement(sql`select ${ASYNCHRONOUS_COMMIT}`);

interface ClaimRow {
  readonly claimed: boolean;
  readonly request_hash: string | null;
  readonly answer: Uint8Array | null;
}

const INSERTED = sql`
  insert into idempotency_keys as k (caller, operation, key, request_hash, locked_until, expires_at)
  values (${given('caller')}, ${given('operation')}, ${given('key')}, ${given('requestHash')},
    now() + ${given('lockMs')}::double precision * interval '1 millisecond', now() + ${IDEMPOTENCY_KEPT_DAYS}::integer * interval '1 day')`;

const INSERT = statement(sql`${INSERTED} returning 1 as one`);

/** Whether a transaction failed because its pending claim found the key in use. */
export const isKeyKnown = (error: unknown): boolean =>
  violatesUnique(error, 'idempotency_keys_caller_operation_key_pk');

/**
 * Of concurrent callers exactly one gets the row. The others get what is stored, or nothing where the row was committed
 * after the statement had begun.
 */
const CLAIM = statement<ClaimRow>(sql`
  with claimed as (
    ${INSERTED}
    on conflict (caller, operation, key) do update
    set request_hash = excluded.request_hash, locked_until = excluded.locked_until, created_at = excluded.created_at,
      expires_at = excluded.expires_at, status = null, answer = null
    where k.expires_at <= now() or (k.status is null and k.locked_until <= now() and k.request_hash = excluded.request_hash)
    returning key)
  select true as claimed, null as request_hash, null::bytea as answer from claimed
  union all
  select false, request_hash, answer from idempotency_keys where ${IS_KEY} and not exists (select from claimed)`);

/** If two duplicates both did the work because the first one's lock expired, the first answer stays. */
const COMPLETE = statement(sql`
  update idempotency_keys set status = ${given('status')}::integer, answer = ${given('answer')}, locked_until = null
  where ${IS_KEY} and status is null returning 1 as one`);

const RELEASE = statement(sql`delete from idempotency_keys where ${IS_KEY} and status is null returning 1 as one`);

function answerFor(ref: IdempotencyKeyRef, row: ClaimRow, requestHash: string): IdempotencyClaim {
  if (row.request_hash !== requestHash) return { kind: 'mismatch' };
  if (row.answer === null) return { kind: 'in-flight' };
  return { kind: 'replay', answer: openAnswer(ref, row.answer) };
}
