const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
/** Pauses after failed attempts: five fast ones for what passes, then slow ones for an outage of some hours. */
const PAUSES_MS = [
  ...[1, 2, 4, 8, 16].map((seconds) => seconds * SECOND_MS),
  ...[1, 5, 15, 60, 240].map((minutes) => minutes * MINUTE_MS),
];

/** Attempts after which an event is dead. The pauses between them add up to about five and a half hours. */
export const MAX_EVENT_ATTEMPTS = PAUSES_MS.length + 1;

/** The pause after the given failed attempt, counted from 1. Null: there is no further attempt. */
export const pauseBeforeRetryMs = (attempt: number): number | null => PAUSES_MS[attempt - 1] ?? null;
