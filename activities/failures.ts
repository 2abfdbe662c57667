import { Context } from '@temporalio/activity';
import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../contracts/failures.ts';
import type { FailureType } from '../contracts/failures.ts';
import { isDatabaseAway } from '../db/core/outage.ts';
import { SupersededError } from '../db/runs/run-scope.ts';
import { ProviderError } from '../providers/provider-error.ts';
import type { ProviderErrorKind } from '../providers/provider-error.ts';
import { VaultError } from '../vault/vault-error.ts';

/**
 * One row per kind of provider error. Error classes do not survive the way into a workflow, but these two fields do.
 */
const FAILURES: Record<ProviderErrorKind, { readonly type: FailureType; readonly nonRetryable: boolean }> = {
  'needs-reauth': { type: FAILURE.needsReauth, nonRetryable: true },
  'rate-limited': { type: FAILURE.rateLimited, nonRetryable: false },
  'quota-exhausted': { type: FAILURE.quotaExhausted, nonRetryable: false },
  conflict: { type: FAILURE.conflict, nonRetryable: false },
  rejected: { type: FAILURE.rejected, nonRetryable: true },
  unavailable: { type: FAILURE.unavailable, nonRetryable: false },
  // A proxy's error page looks the same as a changed API. The first is temporary; the chunk's time limit ends the
  // second.
  'unexpected-response': { type: FAILURE.unexpectedResponse, nonRetryable: false },
};

/** Pause after an attempt that made progress. A long backoff is for a provider that does not answer. */
const SOON_MS = 1_000;
/**
 * Pause while our own database is away, which restarts in seconds: a backoff over all attempts of the chunk would
 * outlast it by minutes.
 */
const DATABASE_AWAY_MS = 3_000;
/** Limits the walk, because causes may form a cycle. */
const MAX_CAUSES = 5;

/**
 * Runs an activity's work and translates its errors by `toFailure`. For work that counts no progress and asks for no
 * pause of its own.
 */
export async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw toFailure(error, false);
  }
}

/** For an activity whose worker was asked to stop: another one goes on at once. */
export const interrupted = (): ApplicationFailure =>
  ApplicationFailure.create({
    type: 'Interrupted',
    message: 'the worker was asked to stop',
    nextRetryDelay: 100,
  });

/** Makes the failure final once this many attempts were made. */
export function finalAfter(maxAttempts: number, failure: unknown): unknown {
  if (!(failure instanceof ApplicationFailure) || failure.nonRetryable || Context.current().info.attempt < maxAttempts)
    return failure;
  const { message, type, details } = failure;
  const pauseMs: unknown = failure.nextRetryDelay;
  return ApplicationFailure.create({
    message,
    nonRetryable: true,
    ...(type != null && { type }),
    ...(details && { details }),
    ...(typeof pauseMs === 'number' && { nextRetryDelay: pauseMs }),
  });
}

/**
 * Translates an error into a failure for workflows. `pauseMs` applies to a failure that asks for no pause itself and
 * came before any progress. Quotes nothing of an unknown error, because a database's message quotes the refused row.
 */
export function toFailure(error: unknown, progressed: boolean, pauseMs?: number): unknown {
  if (error instanceof ApplicationFailure) return error;
  if (error instanceof SupersededError)
    return ApplicationFailure.create({ type: FAILURE.superseded, message: error.message, nonRetryable: true });
  if (error instanceof VaultError) return vaultFailure(error, pauseMs);
  return error instanceof ProviderError
    ? providerFailure(error, progressed ? SOON_MS : pauseMs)
    : unknownFailure(error, progressed ? SOON_MS : pauseMs);
}

function vaultFailure(error: VaultError, nextRetryDelay: number | undefined): ApplicationFailure {
  const { kind, code, message } = error;
  if (kind === 'key-service-unavailable') {
    return ApplicationFailure.create({
      type: FAILURE.keyServiceUnavailable,
      message,
      details: [{ code }],
      ...(nextRetryDelay !== undefined && { nextRetryDelay }),
    });
  }
  if (kind === 'cannot-open')
    return ApplicationFailure.create({
      type: FAILURE.credentialsUnreadable,
      message: 'the stored credentials cannot be opened',
      nonRetryable: true,
    });
  return unknownFailure(error, nextRetryDelay);
}

function providerFailure({ message, details }: ProviderError, pauseMs: number | undefined): ApplicationFailure {
  const { kind, retryAfterMs, httpStatus = null, code = null, requestId = null } = details;
  const nextRetryDelay = retryAfterMs ?? pauseMs;
  return ApplicationFailure.create({
    ...FAILURES[kind],
    message,
    details: [{ httpStatus, code, requestId, ...(retryAfterMs !== undefined && { retryAfterMs }) }],
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
    ...(kind === 'rate-limited' && { category: 'BENIGN' as const }),
  });
}

function unknownFailure(error: unknown, pauseMs: number | undefined): ApplicationFailure {
  const nextRetryDelay = isDatabaseAway(error) ? DATABASE_AWAY_MS : pauseMs;
  const failure = ApplicationFailure.create({
    type: 'Internal',
    message: describe(error),
    ...(nextRetryDelay !== undefined && { nextRetryDelay }),
  });
  if (error instanceof Error) failure.stack = framesOf(error);
  return failure;
}

/** The class and code of the error and of its causes: enough to find it, without any data. */
export function describe(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return typeof error;
  // A number is a gRPC status of Temporal.
  const code = 'code' in error && /^[\w-]{1,64}$/.test(String(error.code)) ? ` ${String(error.code)}` : '';
  const cause = error.cause === undefined || depth >= MAX_CAUSES ? '' : ` (${describe(error.cause, depth + 1)})`;
  return `${error.name}${code}${cause}`;
}

// The message is at the head of the stack, and one of its lines may look like a frame.
const framesOf = ({ stack = '', message }: Error) =>
  stack
    .replace(message, () => '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .join('\n');
