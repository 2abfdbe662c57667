import { FAILURE } from '../../../contracts/failures.ts';
import type { WaitingFor } from '../../../contracts/sync.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export interface WaitPolicy {
  readonly what: Exclude<WaitingFor, 'approval'>;
  /** The run retries after this time, and waits longer after each failure. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** After this time a person has to restart the run. */
  readonly givesUpAfterMs: number;
}

/** Failures that end by themselves or with new credentials: the run waits instead of failing. */
const WAIT_POLICIES: Readonly<Record<string, WaitPolicy>> = {
  // Costs no provider call, because the connection's state tells whether there are new credentials. A wake-up signal
  // ends the wait sooner; a lost one costs about as much time again as the run has waited.
  [FAILURE.needsReauth]: {
    what: 'needs-reauth',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: 6 * HOUR_MS,
    givesUpAfterMs: 30 * DAY_MS,
  },
  // The stored grant tells what it lacks, and a new consent sends the same wake-up signal.
  [FAILURE.scopesMissing]: {
    what: 'scopes-missing',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: 6 * HOUR_MS,
    givesUpAfterMs: 30 * DAY_MS,
  },
  // Outlasts a month, because a provider may refuse calls whose quota of the month is used up as it refuses a burst.
  [FAILURE.rateLimited]: {
    what: 'rate-limit',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: HOUR_MS,
    givesUpAfterMs: 35 * DAY_MS,
  },
  [FAILURE.quotaExhausted]: {
    what: 'quota',
    firstWaitMs: HOUR_MS,
    longestWaitMs: 6 * HOUR_MS,
    givesUpAfterMs: 35 * DAY_MS,
  },
  [FAILURE.unavailable]: {
    what: 'provider-unavailable',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: 30 * MINUTE_MS,
    givesUpAfterMs: 7 * DAY_MS,
  },
  [FAILURE.keyServiceUnavailable]: {
    what: 'key-service-unavailable',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: 30 * MINUTE_MS,
    givesUpAfterMs: 7 * DAY_MS,
  },
};

/** The run goes on only when the account's owner has acted. */
export const needsOwner = ({ what }: WaitPolicy): boolean => what === 'needs-reauth' || what === 'scopes-missing';

/** Waits in a row by which a rate limit has lasted for an hour. */
const LASTING_FAILURES = 7;

/**
 * True for the one failure in a row from which on an operator should look: no burst of calls is refused for an hour, so
 * that something else uses the limit up, or a longer limit is spent.
 */
export const isLasting = ({ what }: WaitPolicy, failures: number): boolean =>
  what === 'rate-limit' && failures === LASTING_FAILURES;

/** Null for a failure that waiting does not fix. */
export function waitPolicyFor(failureType: string): WaitPolicy | null {
  return (Object.hasOwn(WAIT_POLICIES, failureType) ? WAIT_POLICIES[failureType] : null) ?? null;
}

/** What is known when a run begins to wait. */
export interface WaitReason {
  readonly failures: number;
  readonly waitedMs: number;
  /** How long the failure itself asks to wait; null when it does not say. */
  readonly retryAfterMs: number | null;
}

/**
 * How long to wait after `failures` failures in a row; null when it is time to give up. A quota is waited for exactly
 * until its reset; any other failure at least as long as it asks.
 */
export function waitMs(waitPolicy: WaitPolicy, { failures, waitedMs, retryAfterMs }: WaitReason): number | null {
  if (waitedMs >= waitPolicy.givesUpAfterMs) return null;
  const askedMs = retryAfterMs === null ? null : Math.min(waitPolicy.givesUpAfterMs, retryAfterMs);
  if (askedMs !== null && waitPolicy.what === 'quota') return askedMs;
  const ownMs = Math.min(waitPolicy.longestWaitMs, waitPolicy.firstWaitMs * 2 ** Math.min(failures - 1, 20));
  return Math.max(ownMs, askedMs ?? 0);
}
