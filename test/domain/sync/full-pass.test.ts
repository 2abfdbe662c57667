import { describe, expect, it } from 'vitest';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { DEFAULT_FULL_EVERY_MS, fullPassDueAt } from '../../../domain/sync/full-pass.ts';

const HOUR_MS = 3_600_000;
const BEGAN = new Date('2026-11-01T00:00:00Z');
const key = (connectionId: string) => ({ connectionId: connectionId as ConnectionId, resource: 'customers' as const });
const A = key('a');
const dueAfterMs = (of: ReturnType<typeof key>, fullEveryMs: number, attemptedAt: Date | null = BEGAN) =>
  (fullPassDueAt(of, fullEveryMs, { startedAt: BEGAN, attemptedAt })?.getTime() ?? NaN) - BEGAN.getTime();

describe('a full pass', () => {
  it('never comes when it is disabled', () => {
    expect(fullPassDueAt(A, null, { startedAt: BEGAN, attemptedAt: BEGAN })).toBeNull();
    expect(fullPassDueAt(A, null, null)).toBeNull();
  });

  it('is due at once when there has never been one', () => {
    expect(fullPassDueAt(A, DEFAULT_FULL_EVERY_MS, null)?.getTime()).toBe(0);
    expect(fullPassDueAt(A, DEFAULT_FULL_EVERY_MS, { startedAt: null, attemptedAt: null })?.getTime()).toBe(0);
  });

  it('varies for syncs that started together, by up to a tenth of the interval, and is deterministic for each', () => {
    const times = Array.from({ length: 200 }, (_, index) =>
      dueAfterMs(key(`connection-${index}`), DEFAULT_FULL_EVERY_MS),
    );
    expect(Math.max(...times)).toBeLessThanOrEqual(DEFAULT_FULL_EVERY_MS);
    expect(Math.min(...times)).toBeGreaterThan(0.9 * DEFAULT_FULL_EVERY_MS);
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(0.08 * DEFAULT_FULL_EVERY_MS);
    expect(dueAfterMs(A, DEFAULT_FULL_EVERY_MS)).toBe(dueAfterMs(A, DEFAULT_FULL_EVERY_MS));
    expect(dueAfterMs(A, DEFAULT_FULL_EVERY_MS)).not.toBe(
      (fullPassDueAt({ ...A, resource: 'products' }, DEFAULT_FULL_EVERY_MS, {
        startedAt: BEGAN,
        attemptedAt: BEGAN,
      })?.getTime() ?? 0) - BEGAN.getTime(),
    );
  });

  it('is retried six hours after a failure, or after its own interval if that is shorter', () => {
    const overdue = new Date(BEGAN.getTime() + 2 * DEFAULT_FULL_EVERY_MS);
    expect(dueAfterMs(A, DEFAULT_FULL_EVERY_MS, overdue)).toBe(2 * DEFAULT_FULL_EVERY_MS + 6 * HOUR_MS);
    expect(fullPassDueAt(A, DEFAULT_FULL_EVERY_MS, { startedAt: null, attemptedAt: BEGAN })).toEqual(
      new Date(BEGAN.getTime() + 6 * HOUR_MS),
    );
    expect(dueAfterMs(A, 2 * HOUR_MS, overdue)).toBeLessThanOrEqual(2 * DEFAULT_FULL_EVERY_MS + 2 * HOUR_MS);
  });
});
