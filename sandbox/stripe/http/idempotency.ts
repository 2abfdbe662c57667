import { createHash } from 'node:crypto';
import { Failure, IN_USE_MESSAGE, invalidRequest } from './failure.ts';
import { canonicalForm } from './form.ts';
import type { Form } from './form.ts';

/**
 * Stripe keeps a key for at least 24 hours, https://docs.stripe.com/api/idempotent_requests (2026-11). The sandbox
 * keeps it for exactly 24 hours.
 */
export const KEY_RETENTION_MS = 24 * 60 * 60 * 1_000;
const MAX_KEY_CHARS = 255;

/** The first answer to a key, success or failure. */
export interface KeyRecord {
  readonly atMs: number;
  readonly path: string;
  readonly paramsHash: string;
  readonly requestId: string;
  readonly status: number;
  readonly body: string;
}

/** Each account has its own keys. */
export interface KeyHolder {
  readonly keys: ReadonlyMap<string, KeyRecord>;
  /** Keys of requests that are still running. */
  readonly keysInUse: Set<string>;
}

export interface KeyedRequest {
  readonly key: string;
  readonly path: string;
  readonly paramsHash: string;
}

export function hashOfParams(form: Form): string {
  return createHash('sha256').update(canonicalForm(form)).digest('base64url');
}

/**
 * Returns the answer to repeat, or null for a new key, which stays in use until `release`.
 * Throws a `Failure`: 409 `idempotency_key_in_use` while the first request runs, 400 `idempotency_error` for other
 * parameters or another path.
 */
export function claim(account: KeyHolder, request: KeyedRequest, nowMs: number): KeyRecord | null {
  if (request.key.length > MAX_KEY_CHARS)
    throw invalidRequest(`Idempotency keys can have up to ${MAX_KEY_CHARS} characters.`);
  if (account.keysInUse.has(request.key)) {
    throw new Failure(409, { type: 'idempotency_error', code: 'idempotency_key_in_use', message: IN_USE_MESSAGE });
  }
  const record = account.keys.get(request.key);
  if (!record || nowMs - record.atMs > KEY_RETENTION_MS) {
    account.keysInUse.add(request.key);
    return null;
  }
  const tryAnother = `Try using a key other than '${request.key}' if you meant to execute a different request.`;
  if (record.path !== request.path) {
    throw mismatch(
      `Keys for idempotent requests can only be used for the same endpoint they were first used for ('${request.path}' vs '${record.path}'). ${tryAnother}`,
    );
  }
  if (record.paramsHash !== request.paramsHash) {
    throw mismatch(
      `Keys for idempotent requests can only be used with the same parameters they were first used with. ${tryAnother}`,
    );
  }
  return record;
}

export function release(account: KeyHolder, request: KeyedRequest): void {
  account.keysInUse.delete(request.key);
}

function mismatch(message: string): Failure {
  return new Failure(400, { type: 'idempotency_error', message });
}
