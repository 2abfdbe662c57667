import { ApplicationFailure } from '@temporalio/common';
import { FAILURE } from '../../contracts/failures.ts';
import { ProviderError } from '../../providers/provider-error.ts';

/** The code of a failed attempt: what kind of failure it was, never what it said. */
export function codeOf(error: unknown): string {
  if (error instanceof ProviderError) return error.details.kind;
  if (error instanceof ApplicationFailure && error.type != null) return CODES[error.type] ?? 'internal';
  // The provider did not answer in time.
  if (error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')) return 'unavailable';
  return 'internal';
}

const CODES: Readonly<Record<string, string>> = {
  [FAILURE.needsReauth]: 'needs-reauth',
  [FAILURE.scopesMissing]: 'scopes-missing',
  [FAILURE.connectionGone]: 'connection-gone',
};

/**
 * The connection cannot be used until somebody does something about it, and the pull that follows brings what its events
 * would have changed.
 */
export const isUnusable = (error: unknown): boolean =>
  error instanceof ApplicationFailure && error.type != null && Object.hasOwn(CODES, error.type);

/** How long an event waits that the account's pace left no time for: others of its partition are handled meanwhile. */
const TURN_PAUSE_MS = 10_000;
/** How often it is looked whether an account whose quota is used up has been given more. */
const QUOTA_PAUSE_MS = 15 * 60_000;

/**
 * The pause before an event is handled again whose provider was not even asked: the account's pace left no time for it,
 * or its quota is used up. That says nothing about the event, and as many events as an account has would each be tried
 * again beside the others, and take one another's turns. Null: the provider was asked.
 */
export function pauseWhenUnasked(error: unknown): number | null {
  if (!(error instanceof ProviderError))
    return error instanceof Error && error.name === 'AbortError' ? TURN_PAUSE_MS : null;
  const { kind, httpStatus, retryAfterMs = QUOTA_PAUSE_MS } = error.details;
  if (httpStatus !== undefined) return null;
  if (kind === 'quota-exhausted') return Math.max(TURN_PAUSE_MS, Math.min(retryAfterMs, QUOTA_PAUSE_MS));
  return kind === 'rate-limited' ? TURN_PAUSE_MS : null;
}

const TYPES: Readonly<Record<string, string>> = {
  unavailable: FAILURE.unavailable,
  'rate-limited': FAILURE.rateLimited,
  'quota-exhausted': FAILURE.quotaExhausted,
  'needs-reauth': FAILURE.needsReauth,
  rejected: FAILURE.rejected,
  conflict: FAILURE.conflict,
  'unexpected-response': FAILURE.unexpectedResponse,
};

/** The failure of an event's workflow. Without a pause there is no further attempt. */
export const failureOf = (code: string, pauseMs: number | null): ApplicationFailure =>
  ApplicationFailure.create({
    type: TYPES[code] ?? 'Internal',
    message: `the event could not be applied: ${code}`,
    nonRetryable: pauseMs === null,
    ...(pauseMs !== null && { nextRetryDelay: pauseMs }),
  });
