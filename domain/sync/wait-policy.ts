import { FAILURE } from '../../contracts/failures.ts';
import type { WaitingFor } from '../../contracts/sync.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

export interface WaitPolicy {
  readonly what: Exclude<WaitingFor, 'approval'>;
  /** The run looks again by itself after this long, and after a longer time with each failure. */
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
  /** After so long a person has to start it again. */
  readonly givesUpAfterMs: number;
}

/** Failures that pass by themselves, or by a new key: the run waits instead of failing. */
const WAIT_POLICIES: Readonly<Record<string, WaitPolicy>> = {
  // It costs no call to the provider: the connection itself says whether there is a new key. A wake-up tells sooner; one that was lost costs
  // about as long again as the run has waited.
  [FAILURE.needsReauth]: {
    what: 'needs-reauth',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: 6 * HOUR_MS,
    givesUpAfterMs: 30 * DAY_MS,
  },
  [FAILURE.rateLimited]: {
    what: 'rate-limit',
    firstWaitMs: MINUTE_MS,
    longestWaitMs: 30 * MINUTE_MS,
    givesUpAfterMs: 7 * DAY_MS,
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

/** Null for a failure that waiting does not mend. */
export function waitPolicyFor(failureType: string): WaitPolicy | null {
  return (Object.hasOwn(WAIT_POLICIES, failureType) ? WAIT_POLICIES[failureType] : null) ?? null;
}

/** How long to wait after so many failures in a row, of which this is the last; null when it is time to give up. */
export function waitMs(
  waitPolicy: WaitPolicy,
  { failures, waitedMs }: { readonly failures: number; readonly waitedMs: number },
): number | null {
  if (waitedMs >= waitPolicy.givesUpAfterMs) return null;
  return Math.min(waitPolicy.longestWaitMs, waitPolicy.firstWaitMs * 2 ** Math.min(failures - 1, 20));
}
