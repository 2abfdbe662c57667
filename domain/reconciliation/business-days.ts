import { dayIn, offsetPeriods } from '../schedule/time-zone.ts';
import type { OffsetPeriod } from '../schedule/time-zone.ts';

const DAY_MS = 86_400_000;

/** A venue's business days: calendar days in its time zone. */
export interface BusinessDays {
  /** `YYYY-MM-DD`, both included. */
  readonly from: string;
  readonly to: string;
  /**
   * Times in [fromEpochS, toEpochS) that contain every moment of the days, and more only where clocks were set back
   * over midnight. Null when the zone had none of the days, because it skipped them.
   */
  readonly span: { readonly fromEpochS: number; readonly toEpochS: number } | null;
  /** The day of a moment; null when it is none of these. */
  dayOf(epochMs: number): string | null;
}

/** The days `from` to `to`. Throws for a time zone that is not known. */
export function businessDays(timeZone: string, from: string, to: string): BusinessDays {
  const [firstMs, lastMs] = [Date.parse(from), Date.parse(to)];
  // No zone is more than a day away from UTC.
  const periods = offsetPeriods(timeZone, new Date(firstMs - DAY_MS), new Date(lastMs + 2 * DAY_MS));
  const parts = periods
    .map((period) => overlap(period, firstMs, lastMs + DAY_MS))
    .filter(({ start, end }) => start < end);
  const startMs = Math.min(...parts.map(({ start }) => start));
  const endMs = Math.max(...parts.map(({ end }) => end));
  return {
    from,
    to,
    span: parts.length === 0 ? null : { fromEpochS: startMs / 1_000, toEpochS: endMs / 1_000 },
    dayOf(epochMs) {
      const period = periods.find(
        ({ startsAt, endsAt }) => epochMs >= startsAt.getTime() && epochMs < endsAt.getTime(),
      );
      if (!period) return null;
      const day = new Date(epochMs + period.offsetS * 1_000).toISOString().slice(0, 10);
      return day >= from && day <= to ? day : null;
    },
  };
}

/** The part of a period in which the clocks show a time in [firstMs, endMs), read as if it were UTC. */
const overlap = ({ startsAt, endsAt, offsetS }: OffsetPeriod, firstMs: number, endMs: number) => ({
  start: Math.max(startsAt.getTime(), firstMs - offsetS * 1_000),
  end: Math.min(endsAt.getTime(), endMs - offsetS * 1_000),
});

/** The `count` days before the day that it is now in the zone. */
export function lastDays(timeZone: string, now: Date, count: number): { readonly from: string; readonly to: string } {
  const todayMs = Date.parse(dayIn(timeZone, now));
  const dayAgo = (days: number) => new Date(todayMs - days * DAY_MS).toISOString().slice(0, 10);
  return { from: dayAgo(count), to: dayAgo(1) };
}
