const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1_000 } as const;
type Unit = keyof typeof UNITS_MS;

export const MIN_EVERY_MS = UNITS_MS.m;
export const MAX_EVERY_MS = 31 * UNITS_MS.d;
export const MAX_JITTER_MS = UNITS_MS.h;
const MAX_DEFAULT_JITTER_MS = 5 * UNITS_MS.m;
const CRON_JITTER_MS = UNITS_MS.m;

/** When a schedule runs: at an interval, or at clock times in a time zone. */
export type ScheduleTiming = { readonly everyMs: number } | { readonly cron: string; readonly timeZone: string };

/** Milliseconds of a whole number with a unit, such as `15m`; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,7})([smhd])$/.exec(text);
  return match ? Number(match[1]) * UNITS_MS[match[2] as Unit] : null;
}

/** Uses the largest unit that divides the duration: 90 minutes are `90m`, 60 are `1h`. */
export function formatDuration(durationMs: number): string {
  const units = Object.entries(UNITS_MS);
  const [unit, unitMs] = units.find(([, size]) => durationMs > 0 && durationMs % size === 0) ?? ['s', UNITS_MS.s];
  return `${Math.round(durationMs / unitMs)}${unit}`;
}

/**
 * Spreads the load of many venues: a tenth of the interval, at most five minutes. One minute for a clock time, because
 * somebody chose it.
 */
export function defaultJitterMs(timing: ScheduleTiming): number {
  if (!('everyMs' in timing)) return CRON_JITTER_MS;
  return Math.min(Math.floor(timing.everyMs / 10 / 1_000) * 1_000, MAX_DEFAULT_JITTER_MS);
}

export interface IntervalPhase {
  /** Offset from Temporal's interval times, which count from the epoch. Whole seconds. */
  readonly offsetMs: number;
  /** Prevents runs before this time. */
  readonly startAt: Date;
}

/**
 * Schedules the first run one interval from now. `startAt` blocks the first half of the interval, so that a clock of
 * ours that is ahead of Temporal's cannot start a run at once.
 */
export function phaseFrom(now: Date, everyMs: number): IntervalPhase {
  return {
    offsetMs: Math.floor((now.getTime() % everyMs) / 1_000) * 1_000,
    startAt: new Date(now.getTime() + everyMs / 2),
  };
}
