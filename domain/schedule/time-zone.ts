import { TIME_ZONE_NAMES } from './time-zone-names.ts';

const BY_LOWER_CASE: ReadonlyMap<string, string> = new Map(TIME_ZONE_NAMES.map((name) => [name.toLowerCase(), name]));

/**
 * The name as spelled in the time zone database, matched without regard to case; null when it is not one of
 * `TIME_ZONE_NAMES`.
 */
export function findTimeZone(name: string): string | null {
  return BY_LOWER_CASE.get(name.toLowerCase()) ?? null;
}

/**
 * The zone of a venue that was stored before names were checked: the listed zone to which `Intl` resolves the name, the
 * name itself when that zone is not listed (`SystemV/AST4`), or UTC for a name that `Intl` does not know.
 */
export function timeZoneOfStored(name: string): string {
  const listed = findTimeZone(name);
  if (listed !== null) return listed;
  try {
    return findTimeZone(new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone) ?? name;
  } catch {
    return 'UTC';
  }
}

/** The calendar day in the zone, `YYYY-MM-DD`. */
export function dayIn(timeZone: string, at: Date): string {
  const offsetMs = offsetReader(timeZone)(at.getTime());
  return new Date(at.getTime() + offsetMs).toISOString().slice(0, 10);
}

/** The zone's clocks are `offsetS` ahead of UTC from `startsAt` until `endsAt`, exclusive. */
export interface OffsetPeriod {
  readonly startsAt: Date;
  readonly endsAt: Date;
  readonly offsetS: number;
}

const DAY_MS = 86_400_000;

/**
 * The zone's offsets from `from` until `to`, without gaps. Samples every 24 hours, so it would miss a change that is
 * reverted within a day. No zone has had one (checked against Postgres for every zone,
 * test/db/core/time-zones.test.ts).
 */
export function offsetPeriods(timeZone: string, from: Date, to: Date): readonly OffsetPeriod[] {
  const offsetMsAt = offsetReader(timeZone);
  const periods: OffsetPeriod[] = [];
  const endMs = to.getTime();
  let startMs = from.getTime();
  const close = (atMs: number, offsetMs: number) => {
    periods.push({ startsAt: new Date(startMs), endsAt: new Date(atMs), offsetS: offsetMs / 1_000 });
    startMs = atMs;
  };
  let offsetMs = offsetMsAt(startMs);
  for (let seenMs = startMs; seenMs < endMs;) {
    const nextMs = Math.min(seenMs + DAY_MS, endMs);
    const nextOffsetMs = offsetMsAt(nextMs);
    if (nextOffsetMs !== offsetMs)
      close(
        changeBetween(seenMs, nextMs, (ms) => offsetMsAt(ms) !== offsetMs),
        offsetMs,
      );
    offsetMs = nextOffsetMs;
    seenMs = nextMs;
  }
  if (startMs < endMs) close(endMs, offsetMs);
  return periods;
}

/** The first whole second at which `isAfter` holds. It must be false at `beforeMs` and true at `afterMs`. */
function changeBetween(beforeMs: number, afterMs: number, isAfter: (ms: number) => boolean): number {
  let [beforeS, afterS] = [Math.floor(beforeMs / 1_000), Math.ceil(afterMs / 1_000)];
  while (afterS - beforeS > 1) {
    const middleS = Math.floor((beforeS + afterS) / 2);
    if (isAfter(middleS * 1_000)) afterS = middleS;
    else beforeS = middleS;
  }
  return afterS * 1_000;
}

/** One reader for each zone: making one takes longer than many readings. */
const READERS = new Map<string, (epochMs: number) => number>();

/** Returns a function for the zone's offset from UTC at a time, in milliseconds. */
function offsetReader(timeZone: string): (epochMs: number) => number {
  const reader = READERS.get(timeZone) ?? makeOffsetReader(timeZone);
  READERS.set(timeZone, reader);
  return reader;
}

function makeOffsetReader(timeZone: string): (epochMs: number) => number {
  const numeric = 'numeric' as const;
  const format = new Intl.DateTimeFormat('en-u-ca-gregory-nu-latn', {
    timeZone,
    hourCycle: 'h23',
    year: numeric,
    month: numeric,
    day: numeric,
    hour: numeric,
    minute: numeric,
    second: numeric,
  });
  return (epochMs) => {
    const wholeS = Math.floor(epochMs / 1_000) * 1_000;
    // As `1/31/2026, 23:59:59`. The parts of `formatToParts` cost three times as much.
    const parts = format.format(wholeS).match(/\d+/g) ?? [];
    const [month = 0, day = 0, year = 0, hour = 0, minute = 0, second = 0] = parts.map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) - wholeS;
  };
}
