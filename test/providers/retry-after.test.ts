import { describe, expect, it } from 'vitest';
import { retryAfterMs } from '../../providers/kit/retry-after.ts';

const DAY_MS = 86_400_000;
const dateIn = (ms: number) => new Date(Date.now() + ms).toUTCString();

describe('Retry-After', () => {
  it.each([
    ['3', 3_000],
    ['0.25', 250],
    [' 12 ', 12_000],
    ['3600.5', 3_600_500],
  ])('of %j is a number of seconds', (header, ms) => {
    expect(retryAfterMs(header)).toBe(ms);
  });

  it('is a date too, which counts from now', () => {
    const ms = retryAfterMs(dateIn(60_000)) ?? 0;
    expect(ms).toBeGreaterThan(55_000);
    expect(ms).toBeLessThanOrEqual(60_000);
  });

  it.each([null, undefined, '', '0', '-5', 'soon', '2.5.2026', dateIn(-60_000)])('of %j asks for nothing', (header) => {
    expect(retryAfterMs(header)).toBeUndefined();
  });

  it.each(['999999999', '86400.5', '9'.repeat(400), 'Fri, 31 Dec 9999 23:59:59 GMT', dateIn(3 * DAY_MS)])(
    'of %j holds for a day at most',
    (header) => {
      expect(retryAfterMs(header)).toBe(DAY_MS);
    },
  );
});
