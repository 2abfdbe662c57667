import { DAYS_OF_WEEK, MONTHS } from '@temporalio/client';
import type {
  CalendarSpec,
  CalendarSpecDescription,
  DayOfWeek,
  Month,
  ScheduleSpec,
  ScheduleSpecDescription,
} from '@temporalio/client';
import { parseCron } from '../../domain/schedule/cron.ts';
import type { CronRange, CronTimes } from '../../domain/schedule/cron.ts';
import { phaseFrom } from '../../domain/schedule/schedule-timing.ts';
import type { ScheduleTiming } from '../../domain/schedule/schedule-timing.ts';

interface SpecContext {
  readonly now: Date;
  readonly previous: ScheduleSpecDescription | null;
}

/** Converts our times to Temporal's. Throws for a cron expression that `parseCron` does not accept. */
export function specOf(timing: ScheduleTiming, jitterMs: number, { now, previous }: SpecContext): ScheduleSpec {
  if ('everyMs' in timing) {
    const [interval] = previous?.intervals ?? [];
    // An unchanged interval keeps its phase, so that sending it again does not postpone the next run.
    const kept = interval?.every === timing.everyMs ? { offsetMs: interval.offset, startAt: previous?.startAt } : null;
    const { offsetMs, startAt } = kept ?? phaseFrom(now, timing.everyMs);
    return {
      intervals: [{ every: timing.everyMs, offset: offsetMs }],
      ...(startAt ? { startAt } : {}),
      jitter: jitterMs,
    };
  }
  const cron = parseCron(timing.cron);
  if (!cron.ok) throw new Error('a cron expression is checked before it gets here');
  return {
    calendars: cron.times.map((times) => toCalendar(times, timing.cron)),
    timezone: timing.timeZone,
    jitter: jitterMs,
  };
}

/** Converts Temporal's times to ours; null when they were changed by other means. */
export function timingOf({ calendars = [], intervals = [], timezone }: ScheduleSpecDescription): ScheduleTiming | null {
  const [interval] = intervals;
  if (interval) return intervals.length + calendars.length === 1 ? { everyMs: interval.every } : null;
  // The expression is stored in a comment, which survives a change of the times.
  const cron = calendars[0]?.comment ?? '';
  const parsed = parseCron(cron);
  return parsed.ok && sameTimes(calendars, parsed.times) ? { cron, timeZone: timezone || 'UTC' } : null;
}

function toCalendar({ minute, hour, dayOfMonth, month, dayOfWeek }: CronTimes, comment: string): CalendarSpec {
  return {
    ...{ minute: [...minute], hour: [...hour], dayOfMonth: [...dayOfMonth], comment },
    month: month.map(({ start, end, step }) => ({ start: monthOf(start), end: monthOf(end), step })),
    dayOfWeek: dayOfWeek.map(({ start, end, step }) => ({ start: weekdayOf(start), end: weekdayOf(end), step })),
  };
}

const monthOf = (number: number): Month => MONTHS[number - 1] ?? 'JANUARY';
const weekdayOf = (number: number): DayOfWeek => DAYS_OF_WEEK[number] ?? 'SUNDAY';

function sameTimes(calendars: readonly CalendarSpecDescription[], times: readonly CronTimes[]): boolean {
  return (
    JSON.stringify(calendars.map(fromCalendar)) ===
    JSON.stringify(times.map((each) => ({ second: [ZERO], ...inOrder(each), year: [] })))
  );
}

const ZERO: CronRange = { start: 0, end: 0, step: 1 };
const plain = ({ start, end, step }: CronRange): CronRange => ({ start, end, step });

const inOrder = ({ minute, hour, dayOfMonth, month, dayOfWeek }: CronTimes): CronTimes => ({
  minute,
  hour,
  dayOfMonth,
  month,
  dayOfWeek,
});

function fromCalendar({ second, minute, hour, dayOfMonth, month, dayOfWeek, year }: CalendarSpecDescription) {
  const months = month.map(({ start, end, step }) => ({
    start: MONTHS.indexOf(start) + 1,
    end: MONTHS.indexOf(end) + 1,
    step,
  }));
  const weekdays = dayOfWeek.map(({ start, end, step }) => ({
    start: DAYS_OF_WEEK.indexOf(start),
    end: DAYS_OF_WEEK.indexOf(end),
    step,
  }));
  return {
    second: second.map(plain),
    ...inOrder({
      minute: minute.map(plain),
      hour: hour.map(plain),
      dayOfMonth: dayOfMonth.map(plain),
      month: months,
      dayOfWeek: weekdays,
    }),
    year,
  };
}
