import { describe, expect, it } from 'vitest';
import { evaluateSilence, staleAfter } from '../../../domain/sync/sync-silence.ts';
import type { SyncSilence } from '../../../domain/sync/sync-silence.ts';

const HOUR_MS = 3_600_000;
const NOW = new Date('2026-11-29T12:00:00Z');
const hoursAgo = (hours: number) => new Date(NOW.getTime() - hours * HOUR_MS);

const silence = (changed: Partial<SyncSilence> = {}): SyncSilence => ({
  ...{ connectionState: 'active', countedFrom: hoursAgo(48), toldAt: null, lastGoodAt: hoursAgo(7) },
  ...{ open: null, lastOutcome: null },
  ...changed,
});
const evaluate = (changed?: Partial<SyncSilence>) => evaluateSilence(silence(changed), 6 * HOUR_MS, NOW);

describe('the time after which a schedule is stale', () => {
  const daily = [0, 24, 48].map((hours) => new Date(NOW.getTime() + hours * HOUR_MS));
  const weekdays = [0, 72, 96].map((hours) => new Date(NOW.getTime() + hours * HOUR_MS));

  it('is the configured one for a frequent schedule', () => {
    expect(staleAfter(6 * HOUR_MS, [NOW, new Date(NOW.getTime() + HOUR_MS)])).toBe(6 * HOUR_MS);
  });

  it('is two of its times for a rare one, counted by its longest gap', () => {
    expect(staleAfter(6 * HOUR_MS, daily)).toBe(48 * HOUR_MS);
    expect(staleAfter(6 * HOUR_MS, weekdays)).toBe(144 * HOUR_MS);
  });
});

describe('a silent sync', () => {
  it('is told of once, until a good run', () => {
    expect(evaluate({ toldAt: hoursAgo(1) }).reason).toBeNull();
    expect(evaluate({ toldAt: hoursAgo(1), lastGoodAt: null }).reason).toBeNull();
    expect(evaluate({ toldAt: hoursAgo(8) }).reason).toBe('not-running');
  });

  it('counts from its last good run, and not from before it was watched', () => {
    expect(evaluate({ lastGoodAt: hoursAgo(5) })).toEqual({ reason: null, lookAfter: hoursAgo(-1) });
    expect(evaluate({ lastGoodAt: null, countedFrom: hoursAgo(5) }).reason).toBeNull();
    expect(evaluate({ lastGoodAt: null }).reason).toBe('not-running');
  });

  it('is left alone while a run makes progress', () => {
    expect(evaluate({ open: { phase: 'running', advancedAt: hoursAgo(0.5) } }).reason).toBeNull();
    expect(evaluate({ open: { phase: 'running', advancedAt: hoursAgo(2) } }).reason).toBe('not-running');
  });

  it.each([
    ['needs-reauth', { connectionState: 'needs-reauth', lastOutcome: 'failed' }],
    ['awaiting-approval', { open: { phase: 'awaiting-approval', advancedAt: NOW } }],
    ['waiting', { open: { phase: 'waiting', advancedAt: NOW } }],
    ['failing', { lastOutcome: 'failed' }],
    ['not-running', { lastOutcome: 'cancelled' }],
  ] as const)('is told of with the reason %s', (reason, changed) => {
    expect(evaluate(changed).reason).toBe(reason);
  });

  it('of a rare schedule is looked at within a day, because the schedule may be changed', () => {
    const { lookAfter } = evaluateSilence(silence(), 40 * 24 * HOUR_MS, NOW);
    expect(lookAfter).toEqual(hoursAgo(-24));
  });
});
