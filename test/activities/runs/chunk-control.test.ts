import { describe, expect, it, vi } from 'vitest';
import { ChunkControl } from '../../../activities/sync/chunk.ts';
import type { ChunkControlOptions } from '../../../activities/sync/chunk.ts';
import type { SyncProgress } from '../../../contracts/sync.ts';
import { ProviderError } from '../../../providers/provider-error.ts';

const COUNTS = { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 };
const PROGRESS: SyncProgress = { done: 4, total: 10, counts: { ...COUNTS, read: 4 }, providerCalls: 2 };
const STATE = {
  ...PROGRESS,
  checkpoint: null,
  fence: 1,
  stopRequested: false,
  failures: 0,
  approved: null,
  plannedCalls: 0,
  startedAt: new Date(),
  accounts: null,
};

function aControl(options: Partial<ChunkControlOptions> = {}) {
  return new ChunkControl({
    state: STATE,
    lease: { slots: 24 },
    ratePerSecond: 90,
    deadlineMs: 60_000,
    cancelled: new AbortController().signal,
    onProgress: () => undefined,
    ...options,
  });
}

const rateLimited = (retryAfterMs?: number) =>
  new ProviderError({ provider: 'stripe', kind: 'rate-limited', retryAfterMs });

describe('the control of a chunk', () => {
  it.each([
    ['a run that is asked to stop', { state: { ...STATE, stopRequested: true } }],
    ['a cancelled activity', { cancelled: AbortSignal.abort() }],
    ['a chunk whose time is up', { deadlineMs: 0 }],
  ])('stops %s before it begins', (_what, options) => {
    expect(aControl(options).stopping).toBe(true);
    expect(aControl().stopping).toBe(false);
  });

  it('stops when a commit reports a stop request, and remembers it', () => {
    const control = aControl();
    control.committed({ progress: PROGRESS, stopRequested: true });
    control.committed({ progress: PROGRESS, stopRequested: false });
    expect(control.stopping && control.stopRequested).toBe(true);
  });

  it('stops after a failure and throws the first of several', async () => {
    const control = aControl();
    control.rethrow();
    expect(await control.attempt(() => Promise.reject(new Error('first')))).toBeNull();
    expect(await control.attempt(() => Promise.reject(new Error('second')))).toBeNull();
    expect(control.stopping).toBe(true);
    expect(() => {
      control.rethrow();
    }).toThrow('first');
  });

  it('waits out a short pause and hands back a long one', async () => {
    const short = aControl();
    for (const retryAfterMs of [undefined, 1_000, 10_000])
      expect(await short.attempt(() => Promise.reject(rateLimited(retryAfterMs)))).toBeNull();
    expect(short.stopping).toBe(false);
    const long = aControl();
    await long.attempt(() => Promise.reject(rateLimited(10_001)));
    expect(() => {
      long.rethrow();
    }).toThrow(ProviderError);
  });

  it('hands back repeated pauses of any length when nothing succeeds in between', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const control = aControl();
    const refuse = () => control.attempt(() => Promise.reject(rateLimited(1_000)));
    for (const atMs of [0, 4_000, 9_999]) {
      clock.mockReturnValue(atMs);
      await refuse();
      expect(control.stopping).toBe(false);
    }
    clock.mockReturnValue(10_000);
    await refuse();
    expect(() => {
      control.rethrow();
    }).toThrow(ProviderError);
  });

  it('restarts the count of refusals after a success', async () => {
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const control = aControl();
    for (let atMs = 0; atMs < 50_000; atMs += 6_000) {
      clock.mockReturnValue(atMs);
      await control.attempt(() => Promise.reject(rateLimited(1_000)));
      expect(await control.attempt(() => Promise.resolve('done'))).toBe('done');
    }
    expect(control.stopping).toBe(false);
  });

  it('has as many lanes as the budget fills at the measured latency, at least one and at most its lease', () => {
    const control = aControl({ ratePerSecond: 90, lease: { slots: 24 } });
    expect(control.lanes).toBe(Math.ceil(90 * 0.15 * 1.3) + 1);
    for (let call = 0; call < 200; call += 1) control.countCall(10);
    expect(control.lanes).toBeLessThanOrEqual(4);
    for (let call = 0; call < 200; call += 1) control.countCall(5_000);
    expect(control.lanes).toBe(24);
    expect(aControl({ ratePerSecond: 0.1, lease: { slots: 1 } }).lanes).toBe(1);
  });

  it('counts each call in one commit only, and reports the progress', () => {
    const seen: SyncProgress[] = [];
    const control = aControl({ onProgress: (progress) => seen.push(progress) });
    expect(control.progressed).toBe(false);
    control.countCall(10);
    control.countCall(10);
    expect(control.takeDelta(100)).toMatchObject({ providerCalls: 2, ratePerSecond: expect.any(Number) as number });
    expect(control.takeDelta(0).providerCalls).toBe(0);
    const later = { ...PROGRESS, done: 104 };
    control.committed({ progress: later, stopRequested: false });
    expect([control.progressed, control.progress, seen]).toEqual([true, later, [later]]);
  });
});
