/** Attempts after which an event is dead. The pauses between them add up to about 8.5 minutes. */
export const MAX_EVENT_ATTEMPTS = 10;

/** The pause after the given failed attempt, counted from 1: 1, 2, 4 … seconds. Null: there is no further attempt. */
export function pauseBeforeRetryMs(attempt: number): number | null {
  return attempt < MAX_EVENT_ATTEMPTS ? 1_000 * 2 ** (attempt - 1) : null;
}
