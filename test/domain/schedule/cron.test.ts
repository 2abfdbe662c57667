import { describe, expect, it } from 'vitest';
import { parseCron } from '../../../domain/schedule/cron.ts';
import type { CronTimes } from '../../../domain/schedule/cron.ts';

const times = (expression: string): readonly CronTimes[] => {
  const parsed = parseCron(expression);
  if (!parsed.ok) throw new Error(`${expression}: ${parsed.message}`);
  return parsed.times;
};
const message = (expression: string): string => {
  const parsed = parseCron(expression);
  return parsed.ok ? 'accepted' : parsed.message;
};
const one = (value: number) => ({ start: value, end: value, step: 1 });
const all = {
  minute: { start: 0, end: 59, step: 1 },
  hour: { start: 0, end: 23, step: 1 },
  day: { start: 1, end: 31, step: 1 },
  month: { start: 1, end: 12, step: 1 },
  weekday: { start: 0, end: 6, step: 1 },
};

describe('a cron expression', () => {
  it('accepts values, ranges, steps, lists and names in five fields', () => {
    expect(times('*/15 6-22 1,15 jan-mar *')).toEqual([
      {
        minute: [{ start: 0, end: 59, step: 15 }],
        hour: [{ start: 6, end: 22, step: 1 }],
        dayOfMonth: [one(1), one(15)],
        month: [{ start: 1, end: 3, step: 1 }],
        dayOfWeek: [all.weekday],
      },
    ]);
    expect(times(' 5/20   10-20/5 * * MON-Fri ')).toEqual([
      {
        minute: [{ start: 5, end: 59, step: 20 }],
        hour: [{ start: 10, end: 20, step: 5 }],
        dayOfMonth: [all.day],
        month: [all.month],
        dayOfWeek: [{ start: 1, end: 5, step: 1 }],
      },
    ]);
  });

  it.each([
    ['7', [one(0)]],
    ['sun', [one(0)]],
    ['5-7', [one(5), one(6), one(0)]],
    ['3-7/2', [one(3), one(5), one(0)]],
    ['*/2', [{ start: 0, end: 6, step: 2 }]],
    ['4/2', [{ start: 4, end: 6, step: 2 }]],
  ])('counts Sunday as both 0 and 7: %s', (weekday, expected) => {
    expect(times(`0 0 * * ${weekday}`)[0]?.dayOfWeek).toEqual(expected);
  });

  it('with both days restricted matches either; with a star before one, both', () => {
    const either = times('0 6 1 * mon');
    expect(either.map(({ dayOfMonth, dayOfWeek }) => [dayOfMonth, dayOfWeek])).toEqual([
      [[one(1)], [all.weekday]],
      [[all.day], [one(1)]],
    ]);
    expect(times('0 6 */2 * mon').map(({ dayOfMonth, dayOfWeek }) => [dayOfMonth, dayOfWeek])).toEqual([
      [[{ start: 1, end: 31, step: 2 }], [one(1)]],
    ]);
  });

  it.each([
    ['', 'Must have five fields: minute, hour, day of the month, month, day of the week'],
    ['* * * *', 'Must have five fields: minute, hour, day of the month, month, day of the week'],
    ['0 * * * * *', 'Must have five fields: minute, hour, day of the month, month, day of the week'],
    ['@daily', 'Must have five fields: minute, hour, day of the month, month, day of the week'],
    ['60 * * * *', 'Minute must be 0 to 59, as a value, a range (1-5), a step (*/2) or a list of these'],
    ['0 24 * * *', 'Hour must be 0 to 23, as a value, a range (1-5), a step (*/2) or a list of these'],
    ['0 0 0 * *', 'Day of the month must be 1 to 31, as a value, a range (1-5), a step (*/2) or a list of these'],
    ['0 0 * 13 *', 'Month must be 1 to 12 or jan to dec, as a value, a range (1-5), a step (*/2) or a list of these'],
    ['0 0 * mon *', 'Month must be 1 to 12 or jan to dec, as a value, a range (1-5), a step (*/2) or a list of these'],
    [
      '0 0 * * 8',
      'Day of the week must be 0 to 7 or sun to sat, as a value, a range (1-5), a step (*/2) or a list of these',
    ],
    [
      '0 0 * * 5-2',
      'Day of the week must be 0 to 7 or sun to sat, as a value, a range (1-5), a step (*/2) or a list of these',
    ],
  ])('that is invalid is reported with the field and its accepted values: %s', (expression, expected) => {
    expect(message(expression)).toBe(expected);
  });

  it.each([
    '1,, * * * *',
    '*/0 * * * *',
    '-1 * * * *',
    '1.5 * * * *',
    '1--2 * * * *',
    '*/2/3 * * * *',
    '*-5 * * * *',
    '# * * * *',
    '0x1 * * * *',
  ])('is not read leniently: %s', (expression) => {
    expect(message(expression)).toMatch(/^Minute must be/);
  });

  it('for a day that never occurs is rejected, unless it also has a day of the week', () => {
    expect(message('0 0 30 2 *')).toBe('No month has this day');
    expect(message('0 0 31 4,6,9,11 *')).toBe('No month has this day');
    expect(times('0 0 29 2 *')).toHaveLength(1);
    expect(times('0 0 30 2 mon').map(({ dayOfWeek }) => dayOfWeek)).toEqual([[one(1)]]);
  });
});
