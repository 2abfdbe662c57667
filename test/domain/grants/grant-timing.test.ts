import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { forecast } from '../../../domain/grants/grant-forecast.ts';
import {
  WARNING_DAYS,
  deadlinesOf,
  nextWarning,
  pauseAfterRound,
  refreshTime,
  shareOf,
  standingWarnings,
  warningKey,
} from '../../../domain/grants/grant-timing.ts';
import type { Deadline } from '../../../domain/grants/grant-timing.ts';

const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-11-21T12:00:00Z');
const inDays = (days: number): Date => new Date(NOW_MS + days * DAY_MS);
const deadline = (days: number): Deadline => ({ kind: 'refresh-token-hard-limit', at: inDays(days).toISOString() });
const ids = fc.uuid();

describe('the refresh time of a connection', () => {
  it('is in the last tenth of the time until it is due, deterministic, and different for each connection', () => {
    fc.assert(
      fc.property(ids, fc.integer({ min: 0, max: 400 * DAY_MS }), (id, waitMs) => {
        const obtainedAt = new Date(NOW_MS);
        const at = refreshTime(id, { obtainedAt, dueAt: new Date(NOW_MS + waitMs) });
        expect(at.getTime()).toBeLessThanOrEqual(NOW_MS + waitMs);
        expect(at.getTime()).toBeGreaterThanOrEqual(NOW_MS + Math.floor(waitMs * 0.9));
        expect(refreshTime(id, { obtainedAt, dueAt: new Date(NOW_MS + waitMs) })).toEqual(at);
      }),
    );
  });

  it('spreads evenly over many connections', () => {
    const shares = fc.sample(ids, { numRuns: 2_000, seed: 7 }).map(shareOf);
    const tenths = Array.from(
      { length: 10 },
      (_, tenth) => shares.filter((share) => Math.floor(share * 10) === tenth).length,
    );
    expect(Math.min(...tenths)).toBeGreaterThan(130);
    expect(Math.max(...tenths)).toBeLessThan(270);
  });

  it('is never before the grant was obtained, even when it was due before', () => {
    expect(refreshTime('a', { obtainedAt: inDays(0), dueAt: inDays(-3) })).toEqual(inDays(0));
  });
});

describe('the deadlines of a grant', () => {
  const times = { accessExpiresAt: inDays(30), refreshExpiresAt: inDays(100), hardExpiresAt: inDays(50) };

  it('include the expiry of an access token only when it cannot be renewed', () => {
    expect(deadlinesOf(times, true).map(({ kind }) => kind)).toEqual([
      'refresh-token-hard-limit',
      'refresh-token-idle',
    ]);
    expect(deadlinesOf({ ...times, hardExpiresAt: null }, false).map(({ kind }) => kind)).toEqual([
      'access-token-expiry',
    ]);
    expect(deadlinesOf({ accessExpiresAt: null, refreshExpiresAt: null, hardExpiresAt: null }, false)).toEqual([]);
  });

  it('appear in the forecast for all connections of a venue in order of date, with whole days', () => {
    const grant = (id: string, hard: Date | null) =>
      ({
        connectionId: id as ConnectionId,
        provider: 'quickbooks',
        refreshable: true,
        ...times,
        refreshExpiresAt: null,
        hardExpiresAt: hard,
      }) as const;
    expect(
      forecast([grant('b', inDays(9.9)), grant('never', null), grant('a', inDays(-2))], inDays(0)).map(
        ({ connectionId, daysLeft }) => [connectionId, daysLeft],
      ),
    ).toEqual([
      ['a', 0],
      ['b', 9],
    ]);
  });
});

describe('expiry warnings', () => {
  it('are each sent once, on their day, however often the check runs', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 60 * 24 }), { maxLength: 200 }), (hours) => {
        const looks = [...hours].sort((a, b) => a - b).map((hour) => NOW_MS + (hour * DAY_MS) / 24);
        let warned: readonly string[] = [];
        const given: number[] = [];
        for (const nowMs of looks) {
          warned = standingWarnings([deadline(60)], warned, nowMs);
          for (
            let warning = nextWarning([deadline(60)], warned, nowMs);
            warning && warning.dueMs <= nowMs;
            warning = nextWarning([deadline(60)], warned, nowMs)
          ) {
            given.push(warning.daysLeft);
            warned = [...warned, warningKey(warning)];
          }
        }
        expect(given).toEqual([...new Set(given)]);
        expect(given).toEqual(given.toSorted((a, b) => b - a));
      }),
    );
  });

  it('skip thirty days when seven are left', () => {
    expect(nextWarning([deadline(6)], [], NOW_MS)).toMatchObject({ daysLeft: 7 });
    expect(nextWarning([deadline(6)], ['refresh-token-hard-limit:7'], NOW_MS)).toMatchObject({
      daysLeft: 1,
      dueMs: inDays(5).getTime(),
    });
  });

  it('are sent again for a deadline that has moved', () => {
    const all = WARNING_DAYS.map((daysLeft) => warningKey({ kind: 'refresh-token-hard-limit', daysLeft }));
    expect(standingWarnings([deadline(0.5)], all, NOW_MS)).toEqual(all);
    expect(standingWarnings([deadline(20)], all, NOW_MS)).toEqual(['refresh-token-hard-limit:30']);
    expect(standingWarnings([deadline(100)], all, NOW_MS)).toEqual([]);
  });
});

describe('the pause after failed refreshes', () => {
  it('doubles from ten seconds to five minutes, and is never shorter than the provider asks', () => {
    fc.assert(
      fc.property(
        ids,
        fc.integer({ min: 1, max: 1_000 }),
        fc.option(fc.integer({ min: 0, max: 3_600_000 })),
        (id, rounds, retryAfterMs) => {
          const pauseMs = pauseAfterRound(id, { rounds, retryAfterMs });
          const wanted = Math.max(Math.min(10_000 * 2 ** (rounds - 1), 300_000), retryAfterMs ?? 0);
          expect(pauseMs).toBeGreaterThanOrEqual(wanted);
          expect(pauseMs).toBeLessThanOrEqual(wanted * 1.2);
        },
      ),
    );
  });
});
