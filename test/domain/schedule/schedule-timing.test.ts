import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  MAX_EVERY_MS,
  MIN_EVERY_MS,
  defaultJitterMs,
  formatDuration,
  parseDuration,
  phaseFrom,
} from '../../../domain/schedule/schedule-timing.ts';

describe('a duration', () => {
  it('survives formatting in any unit', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: MAX_EVERY_MS / 1_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1_000))).toBe(seconds * 1_000);
      }),
    );
  });

  it.each([
    ['15m', 900_000, '15m'],
    ['60m', 3_600_000, '1h'],
    ['24h', 86_400_000, '1d'],
    ['90m', 5_400_000, '90m'],
    ['0s', 0, '0s'],
  ])('%s is formatted in its largest unit', (text, durationMs, shown) => {
    expect(parseDuration(text)).toBe(durationMs);
    expect(formatDuration(durationMs)).toBe(shown);
  });

  it.each(['', '15', 'm', '1.5h', '-1m', '1w', '1H', ' 1h', '1h30m', '99999999s'])('is not guessed from %j', (text) => {
    expect(parseDuration(text)).toBeNull();
  });
});

describe('the first run of an interval', () => {
  const intervals = fc
    .integer({ min: MIN_EVERY_MS / 1_000, max: MAX_EVERY_MS / 1_000 })
    .map((seconds) => seconds * 1_000);
  const nows = fc.integer({ min: Date.UTC(2026, 0, 1), max: Date.UTC(2040, 0, 1) });

  /**
   * Computed like Temporal: the first multiple of the interval from the epoch, shifted by the phase, that is not before
   * `startAt`.
   */
  const firstRun = (
    { offsetMs, startAt }: { readonly offsetMs: number; readonly startAt: Date },
    everyMs: number,
    serverNow: number,
  ): number => {
    const from = Math.max(serverNow + 1, startAt.getTime());
    return Math.ceil((from - offsetMs) / everyMs) * everyMs + offsetMs;
  };

  it('comes one interval after now, to the second', () => {
    fc.assert(
      fc.property(nows, intervals, (now, everyMs) => {
        expect(Math.abs(firstRun(phaseFrom(new Date(now), everyMs), everyMs, now) - now - everyMs)).toBeLessThan(1_000);
      }),
    );
  });

  it('never comes at once, even when our clock is off by a third of the interval in either direction', () => {
    fc.assert(
      fc.property(nows, intervals, fc.integer({ min: -30, max: 30 }), (now, everyMs, percent) => {
        const serverNow = now + Math.round((everyMs * percent) / 100);
        expect(firstRun(phaseFrom(new Date(now), everyMs), everyMs, serverNow) - serverNow).toBeGreaterThan(
          everyMs / 10,
        );
      }),
    );
  });
});

describe('jitter', () => {
  it('defaults to a tenth of the interval, at most five minutes, and to a minute for a clock time', () => {
    expect(defaultJitterMs({ everyMs: 60_000 })).toBe(6_000);
    expect(defaultJitterMs({ everyMs: 3_600_000 })).toBe(300_000);
    expect(defaultJitterMs({ everyMs: 86_400_000 })).toBe(300_000);
    expect(defaultJitterMs({ cron: '0 6 * * *', timeZone: 'UTC' })).toBe(60_000);
  });
});
