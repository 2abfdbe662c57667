import { describe, expect, it } from 'vitest';
import { accountDay } from '../../../domain/schedule/account-day.ts';

describe('the day of an account', () => {
  it.each([
    ['2026-11-05T00:00:00.000Z', 'America/New_York', '2026-11-05'],
    ['2026-11-06T01:30:00.000Z', 'America/New_York', '2026-11-05'],
    ['2026-11-04T23:00:00+00:00', 'Europe/Berlin', '2026-11-05'],
    ['2026-11-04T11:00:00.000Z', 'Pacific/Auckland', '2026-11-05'],
    // The hour in which the clocks are set back.
    ['2026-11-01T05:30:00.000Z', 'America/New_York', '2026-11-01'],
    ['2026-11-01T03:59:59.999Z', 'America/New_York', '2026-10-31'],
  ])('of %s in %s is %s', (instant, timeZone, day) => {
    expect(accountDay(instant, timeZone)).toBe(day);
  });

  it('is that of UTC where no zone is known, and none without an instant', () => {
    expect(accountDay('2026-11-05T23:30:00.000Z')).toBe('2026-11-05');
    expect([accountDay(null), accountDay(undefined), accountDay('soon')]).toEqual([null, null, null]);
  });
});
