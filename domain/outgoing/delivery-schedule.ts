/**
 * Pauses after failed attempts: 5 s, 5 and 30 minutes, then 2, 5, 10, 14, 20 and 24 hours, together a little over three
 * days. The schedule that Standard Webhooks suggests
 * (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-28).
 */
const PAUSES_S = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400] as const;

/** Attempts after which a delivery has failed. */
export const MAX_DELIVERY_ATTEMPTS = PAUSES_S.length + 1;

/** A receiver that has accepted nothing for this long is left alone. */
export const FAILING_TOO_LONG_MS = 3 * 24 * 3_600_000;

/** Spreads the retries of messages that failed together, so that a receiver that comes back is not flooded. */
const JITTER_SHARE = 0.1;

/** A receiver is left alone for as long as its `Retry-After` says, but a mistaken one silences it for an hour at most. */
const MAX_REST_MS = 3_600_000;

/** How long a receiver is left alone after a round of attempts; null when none of its answers has asked for it. */
export function restMs(attempts: readonly { readonly retryAfterMs?: number }[]): number | null {
  const asked = attempts.flatMap(({ retryAfterMs }) => (retryAfterMs === undefined ? [] : [retryAfterMs]));
  return asked.length === 0 ? null : Math.min(Math.max(...asked), MAX_REST_MS);
}

/** The pause after the given failed attempt, counted from 1. Null: there is no further attempt. */
export function pauseBeforeAttemptMs(failedAttempts: number, random: () => number = Math.random): number | null {
  const seconds = PAUSES_S[failedAttempts - 1];
  return seconds === undefined ? null : Math.round(seconds * 1_000 * (1 + JITTER_SHARE * random()));
}
