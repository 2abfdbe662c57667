import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import type { AuditEntry } from '../../db/core/audit-store.ts';
import type { IdempotencyStore } from '../../db/core/idempotency-store.ts';
import type { IdempotencyKeyRef } from '../../db/core/sealed-answer.ts';
import { ApiError } from '../errors/api-error.ts';
import type { AuditTrail } from '../admin/audit-trail.ts';
import type { BodyStream } from './body-stream.ts';
import type { Caller } from '../auth/caller.ts';
import { KeyClaim, KeySettledError, WAIT_FOR_DUPLICATE_MS } from './key-claim.ts';
import type { Settled } from './key-claim.ts';
import type { Parsed } from './parse.ts';

/** 1–255 printable ASCII characters. */
export const IDEMPOTENCY_KEY = /^[\x20-\x7e]{1,255}$/;

/** Time after which the claim of a request that died with its process expires. NDJSON loads may take long. */
const LOCK_MS = 60_000;
const STREAM_LOCK_MS = 600_000;

const lockMsOf = ({ stream, isShort }: IdempotentRequest): number =>
  stream !== null && !isShort ? STREAM_LOCK_MS : LOCK_MS;

/**
 * Stored with the answer of a streamed request and never sent: the body's hash was unknown when the key was claimed.
 */
const BODY_HASH = 'x-interlock-body-sha256';

/** What an answer needs to be returned again. */
export interface SerialisedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What has become of a request. */
export interface Outcome {
  readonly answer: SerialisedAnswer;
  /** The audit row that is still to be written. */
  readonly audit: AuditEntry | null;
}

export interface IdempotentRequest {
  readonly ref: IdempotencyKeyRef;
  readonly hash: string;
  /** A body that is read while it is processed. Its hash is compared once a repeat has been received completely. */
  readonly stream: BodyStream | null;
  /** The work gets the claim, to make it together with its first write. */
  readonly isShort: boolean;
}

export interface Idempotency {
  /**
   * Answers with the result of `work`, or with the stored answer when the key was used before. `work` turns its own
   * refusals into answers; errors that it throws and answers that are not final are not stored, so that a repeat tries
   * again. Writes the audit row of its outcome. Throws `idempotency-key-reused` and `idempotency-in-flight`.
   */
  run(
    request: IdempotentRequest,
    work: (claim: KeyClaim | null) => Promise<Outcome>,
  ): Promise<{ answer: SerialisedAnswer; replayed: boolean }>;
}

export interface IdempotencyDeps {
  readonly store: IdempotencyStore;
  readonly audit: Pick<AuditTrail, 'write'>;
}

export function createIdempotency(deps: IdempotencyDeps, waitForDuplicateMs = WAIT_FOR_DUPLICATE_MS): Idempotency {
  return {
    async run(request, work) {
      const claim = new KeyClaim(deps.store, { ...request, lockMs: lockMsOf(request) }, waitForDuplicateMs);
      try {
        if (!request.isShort) await claim.make();
        return { answer: await workOnce(deps, { ...request, claim }, work), replayed: false };
      } catch (error) {
        if (!(error instanceof KeySettledError)) throw error;
        return { answer: await answerSettled(error.settled, request), replayed: true };
      }
    },
  };
}

/**
 * The scope of a key. It includes the token's role and reach, so that another token of the same subject does not get an
 * answer that it may not see. For an operation on one venue the other venues do not matter, so a token that gains one
 * can still repeat its requests.
 */
export function idempotencyRefOf(
  { subject, role, venues }: Caller,
  { operation, key, inVenue }: { readonly operation: string; readonly key: string; readonly inVenue: boolean },
): IdempotencyKeyRef {
  const reach = inVenue ? null : venues === '*' ? venues : venues.toSorted();
  const caller = createHash('sha256')
    .update(JSON.stringify([subject, role, reach]))
    .digest('hex');
  return { caller, operation, key };
}

/**
 * Refusals that stay the same when repeated. Others, about rights or a temporary state, are evaluated again; they have
 * created nothing.
 */
const FINAL_REFUSALS: readonly number[] = [400, 413, 415, 422];
/** Larger answers are not stored, so that a repeat is processed again. Lists of errors are limited to half of it. */
const MAX_KEPT_BYTES = 131_072;

const isKept = ({ status, body }: SerialisedAnswer): boolean =>
  (status < 400 || FINAL_REFUSALS.includes(status)) && Buffer.byteLength(body) <= MAX_KEPT_BYTES;

/** The value of `Idempotency-Key`, or null without one. */
export function readIdempotencyKey(header: string | string[] | undefined): Parsed<string | null> {
  if (header === undefined) return { ok: true, value: null };
  if (typeof header === 'string' && IDEMPOTENCY_KEY.test(header)) return { ok: true, value: header };
  const message = 'Must be 1 to 255 printable ASCII characters';
  return { ok: false, errors: [{ path: 'Idempotency-Key', message }], omitted: 0 };
}

/**
 * The mark that a request writes, in one transaction, with what it creates. If the process dies before the answer is
 * stored, the repeat finds the result by it. It includes the body, so that a key whose first request failed can be used
 * with another body. Null for a streamed body.
 */
export function requestKeyOf(
  { subject }: Caller,
  { ref: { operation, key }, hash, stream }: Pick<IdempotentRequest, 'ref' | 'hash' | 'stream'>,
): string | null {
  if (stream) return null;
  return createHash('sha256')
    .update(JSON.stringify([subject, operation, key, hash]))
    .digest('hex');
}

async function workOnce(
  deps: IdempotencyDeps,
  { ref, stream, isShort, claim }: IdempotentRequest & { readonly claim: KeyClaim },
  work: (claim: KeyClaim | null) => Promise<Outcome>,
): Promise<SerialisedAnswer> {
  let settled = false;
  try {
    const { answer, audit } = await work(isShort ? claim : null);
    await claim.make();
    if (isKept(answer)) {
      const bodyHash = stream ? { [BODY_HASH]: await stream.digest() } : {};
      await keep(deps, ref, { answer: { ...answer, headers: { ...answer.headers, ...bodyHash } }, audit });
      settled = true;
    } else if (audit !== null) {
      await deps.audit.write(audit);
    }
    return answer;
  } finally {
    // A claim that cannot be released expires by itself, and the original error is the one to report.
    if (!settled && claim.isMade) await deps.store.release(ref).catch(() => undefined);
  }
}

/** Stores the answer and its audit row together, and each by itself where that fails: neither is lost because of the other. */
async function keep({ store, audit: trail }: IdempotencyDeps, ref: IdempotencyKeyRef, outcome: Outcome): Promise<void> {
  const { answer, audit } = outcome;
  if (audit === null) {
    await store.complete(ref, answer);
    return;
  }
  const entry = { id: uuidv7(), ...audit };
  try {
    await store.complete(ref, answer, entry);
  } catch {
    await trail.write(entry);
    await store.complete(ref, answer);
  }
}

/** The answer to a request whose key was used before. Throws where there is none. */
async function answerSettled(settled: Settled, { stream }: IdempotentRequest): Promise<SerialisedAnswer> {
  if (settled.kind === 'mismatch') throw keyReused();
  if (settled.kind === 'in-flight')
    throw new ApiError('idempotency-in-flight', 'The first request with this Idempotency-Key is still at work.', {
      retryAfterMs: 1_000,
    });
  const { [BODY_HASH]: bodyHash, ...headers } = settled.answer.headers;
  if (stream && (await stream.digest()) !== bodyHash) throw keyReused();
  return { ...settled.answer, headers };
}

function keyReused(): ApiError {
  return new ApiError('idempotency-key-reused', 'This Idempotency-Key was sent with another request before.');
}
