import { describe, expect, it } from 'vitest';
import { OVERLAP_S, firstPullCheckpoint } from '../../domain/checkpoint.ts';

const NOW = 1_800_000_000;
const DAY_S = 86_400;
const first = (mode: 'incremental' | 'full', watermarkEpochS: number | null) => firstPullCheckpoint({ mode, nowEpochS: NOW, watermarkEpochS });

describe('the first checkpoint of a pull', () => {
  it.each([
    ['a full pull reads everything, whatever was read before', first('full', NOW - 60)],
    ['a first pull reads everything', first('incremental', null)],
    ['a pull after the change feed’s reach reads everything', first('incremental', NOW - 29 * DAY_S)],
  ])('%s', (_promise, checkpoint) => {
    expect(checkpoint).toMatchObject({ kind: 'listing', segments: [{ fromEpochS: null }] });
  });

  it('goes on from the last watermark with the change feed, and asks for some time again', () => {
    for (const since of [0, 60, 28 * DAY_S]) {
      expect(first('incremental', NOW - since)).toMatchObject({ kind: 'changes', segments: [{ fromEpochS: NOW - since - OVERLAP_S }] });
    }
  });

  it('covers everything up to now and beyond a provider’s faster clock, in one segment', () => {
    for (const checkpoint of [first('full', null), first('incremental', NOW - 60)]) {
      expect(checkpoint.segments).toHaveLength(1);
      expect(checkpoint.segments[0]).toMatchObject({ after: null, oldestEpochS: null, pagesRead: 0 });
      expect(checkpoint.segments[0]?.toEpochS).toBeGreaterThan(NOW + 60);
      expect(checkpoint.nextSegmentId).toBeGreaterThan(checkpoint.segments[0]?.id ?? 0);
    }
  });

  it('promises nothing beyond the moment it began at', () => {
    expect(first('full', null).watermarkEpochS).toBe(NOW);
  });
});
