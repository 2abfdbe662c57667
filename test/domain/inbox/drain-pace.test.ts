import { describe, expect, it } from 'vitest';
import { BATCH, restMs } from '../../../domain/inbox/drain-pace.ts';

describe('a drainer', () => {
  it('begins a batch of few events at most every 50 ms, and rests half as long as a slow one took', () => {
    expect(restMs({ events: 10, tookMs: 10, backlog: null })).toBe(40);
    expect(restMs({ events: 10, tookMs: 100, backlog: null })).toBe(50);
  });

  it('rests six times as long as a batch took in a flood, and 400 ms at most', () => {
    expect(restMs({ events: 50, tookMs: 20, backlog: null })).toBe(120);
    expect(restMs({ events: 50, tookMs: 1, backlog: null })).toBe(49);
    expect(restMs({ events: 199, tookMs: 1_000, backlog: null })).toBe(400);
  });

  it.each<[string, Parameters<typeof restMs>[0]['backlog'], number]>([
    ['rests after a full batch while events arrive', { oldestMs: 3_000, newestMs: 5 }, 120],
    ['does not rest after a full batch once no more events arrive', { oldestMs: 3_000, newestMs: 501 }, 0],
    ['does not rest with a backlog of over 10 s', { oldestMs: 10_001, newestMs: 5 }, 0],
    ['looks again at once after a full batch that left nothing', null, 0],
  ])('%s', (_, backlog, expected) => {
    expect(restMs({ events: BATCH, tookMs: 20, backlog })).toBe(expected);
  });
});
