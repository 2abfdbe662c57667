import { sql } from 'drizzle-orm';
import { idempotencyKeys } from '../schema/idempotency-keys.ts';
import { digestOf, openAnswer, sealAnswer } from './sealed-answer.ts';
import type { IdempotencyKeyRef, StoredAnswer } from './sealed-answer.ts';
import { statement } from './statement.ts';
import { runForCaller } from './venue-scope.ts';
import type { Database } from './venue-scope.ts';

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
    async claim(ref, requestHash, lockMs) {
      const values = { ...keyOf(ref), requestHash, lockMs };
      for (let attempt = 0; attempt < MAX_CLAIM_ATTEMPTS; attempt += 1) {
        const [row] = await runForCaller(db, ref.caller, { statement: CLAIM, values });
        if (row) return toClaim(ref, row, requestHash);
        // Another request took the key, or gave it up, while the statement ran.
      }
      return { kind: 'in-flight' };
    },

    async complete(ref, answer) {
      const values = { ...keyOf(ref), status: answer.status, answer: sealAnswer(ref, answer) };
      await runForCaller(db, ref.caller, { statement: COMPLETE, values });
    },

    async release(ref) {
      await runForCaller(db, ref.caller, { statement: RELEASE, values: keyOf(ref) });
    },
  };
}

const keyOf = (ref: IdempotencyKeyRef) => ({ caller: ref.caller, operation: ref.operation, key: digestOf(ref) });

const { caller, operation, key, status } = idempotencyKeys;
const named = (name: string) => sql.placeholder(name);
const IS_KEY = sql`${caller} = ${named('caller')} and ${operation} = ${named('operation')} and ${key} = ${named('key')}`;
const LOCKED_UNTIL = sql`now() + ${named('lockMs')}::double precision * interval '1 millisecond'`;
const EXPIRES_AT = sql`now() + interval '${sql.raw(String(IDEMPOTENCY_KEPT_DAYS))} days'`;

interface ClaimRow {
  readonly claimed: boolean;
  /** Of the request that has the key. */
  readonly request_hash: string;
  readonly answer: Uint8Array | null;
}

/**
 * Takes the key, or tells who has it. Of concurrent callers exactly one gets it. A key with an answer is only read:
 * trying to insert it would lock its row, and so make each replay wait for the disk. No row: the key was taken or given
 * up while the statement ran.
 */
const CLAIM = statement<ClaimRow>(sql`
  with known as (
    select request_hash, answer from ${idempotencyKeys} where ${IS_KEY} and expires_at > now()
  ),
  claimed as (
    insert into ${idempotencyKeys} as held (caller, operation, key, request_hash, locked_until, created_at, expires_at)
    select ${named('caller')}, ${named('operation')}, ${named('key')}, ${named('requestHash')}, ${LOCKED_UNTIL}, now(), ${EXPIRES_AT}
    where not exists (select from known where answer is not null)
    on conflict (caller, operation, key) do update
    set request_hash = excluded.request_hash, locked_until = excluded.locked_until, created_at = excluded.created_at,
      expires_at = excluded.expires_at, status = null, answer = null
    where held.expires_at <= now()
      or (held.status is null and held.locked_until <= now() and held.request_hash = excluded.request_hash)
    returning request_hash
  )
  select true as claimed, request_hash, null::bytea as answer from claimed
  union all
  select false, request_hash, answer from known where not exists (select from claimed)`);

/** If two duplicates both did the work because the first one's lock expired, the first answer stays. */
const COMPLETE = statement<object>(sql`
  update ${idempotencyKeys} set status = ${named('status')}, answer = ${named('answer')}, locked_until = null
  where ${IS_KEY} and ${status} is null`);

const RELEASE = statement<object>(sql`delete from ${idempotencyKeys} where ${IS_KEY} and ${status} is null`);

function toClaim(ref: IdempotencyKeyRef, row: ClaimRow, requestHash: string): IdempotencyClaim {
  if (row.claimed) return { kind: 'claimed' };
  if (row.request_hash !== requestHash) return { kind: 'mismatch' };
  if (row.answer === null) return { kind: 'in-flight' };
  return { kind: 'replay', answer: openAnswer(ref, row.answer) };
}
