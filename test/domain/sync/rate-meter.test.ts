import { describe, expect, it } from 'vitest';
import { RateMeter } from '../../../domain/sync/rate-meter.ts';

describe('the rate meter', () => {
  it('shows nothing before anything is counted, and no exaggerated rate in the first second', () => {
    const meter = new RateMeter(5_000);
    expect(meter.perSecond(5_000)).toBe(0);
    meter.add(40, 5_010);
    expect(meter.perSecond(5_010)).toBe(40);
  });

  it('shows the rate since the start until its window is full', () => {
    const meter = new RateMeter(0);
    for (let atMs = 500; atMs <= 4_000; atMs += 500) meter.add(50, atMs);
    expect(meter.perSecond(4_000)).toBe(100);
  });

  it('forgets a spike after ten seconds', () => {
    const meter = new RateMeter(0);
    meter.add(100_000, 1_000);
    for (let atMs = 1_100; atMs <= 20_000; atMs += 100) meter.add(1, atMs);
    expect(meter.perSecond(20_000)).toBeCloseTo(10, 0);
  });

  it('falls to zero during a pause', () => {
    const meter = new RateMeter(0);
    for (let atMs = 0; atMs <= 10_000; atMs += 100) meter.add(5, atMs);
    expect(meter.perSecond(15_000)).toBeLessThan(30);
    expect(meter.perSecond(20_001)).toBe(0);
  });
});
