import { dayIn } from './time-zone.ts';

const DAY_MS = 86_400_000;

/**
 * The day, `YYYY-MM-DD`, that an instant has in the books of an account. One at midnight in UTC is a day that was told
 * as such; any other is a moment, which has the day of the venue's zone. Null for no instant.
 */
export function accountDay(instant: string | null | undefined, timeZone = 'UTC'): string | null {
  const at = new Date(instant ?? Number.NaN);
  const ms = at.getTime();
  if (Number.isNaN(ms)) return null;
  return ms % DAY_MS === 0 ? at.toISOString().slice(0, 10) : dayIn(timeZone, at);
}
