/** Values from `start` to `end` inclusive, `step` apart. */
export interface CronRange {
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** Times at which all five fields match. Months 1–12, days of the week 0 (Sunday) – 6. */
export interface CronTimes {
  readonly minute: readonly CronRange[];
  readonly hour: readonly CronRange[];
  readonly dayOfMonth: readonly CronRange[];
  readonly month: readonly CronRange[];
  readonly dayOfWeek: readonly CronRange[];
}

export type ParsedCron =
  { readonly ok: true; readonly times: readonly CronTimes[] } | { readonly ok: false; readonly message: string };

interface Field {
  readonly title: string;
  readonly min: number;
  readonly max: number;
  /** Three-letter names, starting at `min`. */
  readonly names: readonly string[];
}

const MONTH_NAMES = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAY_NAMES = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const SUNDAY_TOO = 7;

const FIELDS: readonly Field[] = [
  { title: 'Minute', min: 0, max: 59, names: [] },
  { title: 'Hour', min: 0, max: 23, names: [] },
  { title: 'Day of the month', min: 1, max: 31, names: [] },
  { title: 'Month', min: 1, max: 12, names: MONTH_NAMES },
  { title: 'Day of the week', min: 0, max: SUNDAY_TOO, names: DAY_NAMES },
];

/**
 * Parses a five-field cron expression with crontab(5) semantics: numbers, names, ranges, lists and steps. When both day
 * fields are restricted, either may match, which needs two sets of times. Parsed here because Temporal requires both
 * days to match.
 * https://man7.org/linux/man-pages/man5/crontab.5.html, https://docs.temporal.io/schedule (2026-11-21)
 */
export function parseCron(expression: string): ParsedCron {
  const texts = expression.trim().split(/\s+/);
  if (texts.length !== FIELDS.length)
    return { ok: false, message: 'Must have five fields: minute, hour, day of the month, month, day of the week' };
  const fields: (readonly CronRange[])[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const ranges = parseField(field, texts[index] ?? '');
    if (!ranges) return { ok: false, message: expectation(field) };
    fields.push(ranges);
  }
  return combine(fields, { day: isLimited(texts[2]), weekday: isLimited(texts[4]) });
}

function combine(
  fields: readonly (readonly CronRange[])[],
  limited: { readonly day: boolean; readonly weekday: boolean },
): ParsedCron {
  const [minute = [], hour = [], dayOfMonth = [], month = [], weekdays = []] = fields;
  const all: CronTimes = { minute, hour, dayOfMonth, month, dayOfWeek: withoutSeven(weekdays) };
  const comes = everComes(all);
  if (!limited.day || !limited.weekday)
    return comes ? { ok: true, times: [all] } : { ok: false, message: 'No month has this day' };
  const onWeekday = { ...all, dayOfMonth: EVERY_DAY };
  return { ok: true, times: comes ? [{ ...all, dayOfWeek: EVERY_WEEKDAY }, onWeekday] : [onWeekday] };
}

const EVERY_WEEKDAY: readonly CronRange[] = [{ start: 0, end: 6, step: 1 }];
const EVERY_DAY: readonly CronRange[] = [{ start: 1, end: 31, step: 1 }];

const isLimited = (text = ''): boolean => !text.startsWith('*');

function expectation({ title, min, max, names }: Field): string {
  const words = names.length > 0 ? ` or ${names[0] ?? ''} to ${names.at(-1) ?? ''}` : '';
  return `${title} must be ${min} to ${max}${words}, as a value, a range (1-5), a step (*/2) or a list of these`;
}

/** Null when the text is invalid. */
function parseField(field: Field, text: string): readonly CronRange[] | null {
  const ranges = text.split(',').map((part) => parsePart(field, part));
  return ranges.some((range) => range === null) ? null : ranges.filter((range) => range !== null);
}

function parsePart(field: Field, part: string): CronRange | null {
  const match = /^(?:\*|(\w+)(?:-(\w+))?)(?:\/(\d{1,2}))?$/.exec(part);
  if (!match) return null;
  const [, first, last, every] = match;
  const step = every === undefined ? 1 : Number(every);
  const bounds = first === undefined ? whole(field) : boundsOf(field, { first, last, stepped: every !== undefined });
  return bounds && step > 0 ? { ...bounds, step } : null;
}

type Bounds = Pick<CronRange, 'start' | 'end'>;

/** The full range of a field, with Sunday only once. */
const whole = ({ min, max }: Field): Bounds => ({ start: min, end: max === SUNDAY_TOO ? max - 1 : max });

/** A single value ends at itself, but `5/10` runs from 5 to the end of the field. */
function boundsOf(
  field: Field,
  { first, last, stepped }: { readonly first: string; readonly last: string | undefined; readonly stepped: boolean },
): Bounds | null {
  const start = valueOf(field, first);
  const single = stepped ? whole(field).end : start;
  const end = last === undefined ? single : valueOf(field, last);
  return start === null || end === null || end < start ? null : { start, end };
}

function valueOf({ min, max, names }: Field, text: string): number | null {
  const index = names.indexOf(text.toLowerCase());
  if (index >= 0) return min + index;
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}

/** Seven is Sunday too: expands a range that reaches it into single days. */
function withoutSeven(ranges: readonly CronRange[]): readonly CronRange[] {
  return ranges.flatMap((range) =>
    range.end < SUNDAY_TOO
      ? [range]
      : valuesOf(range).map((day) => ({ start: day % SUNDAY_TOO, end: day % SUNDAY_TOO, step: 1 })),
  );
}

function valuesOf({ start, end, step }: CronRange): readonly number[] {
  return Array.from({ length: Math.floor((end - start) / step) + 1 }, (_, index) => start + index * step);
}

function everComes({ dayOfMonth, month }: CronTimes): boolean {
  const longest = Math.max(...month.flatMap(valuesOf).map((number) => DAYS_OF_MONTH[number - 1] ?? 0));
  return dayOfMonth.some(({ start }) => start <= longest);
}
