import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, split } from '../../../../domain/sync/pull/segments.ts';
import type { Segment } from '../../../../domain/sync/pull/segments.ts';
import { SplitAllowance } from '../../../../domain/sync/pull/split-allowance.ts';
import { Listing, whole } from './listing.ts';

const NOW_S = 1_800_000_000;
const DAY_S = 86_400;
const PAGE_SIZE = 10;

interface Read {
  readonly calls: number;
  /** Number of times that all lanes waited for their answers together. */
  readonly rounds: number;
  readonly ids: readonly string[];
}

/** Reads a listing as a chunk does: one page per lane at a time, with new splits after each round. */
function readAll(listing: Listing, lanes: number, total: number | null): Read {
  const allowance = new SplitAllowance();
  const ids: string[] = [];
  let [calls, rounds, nextId] = [0, 0, 1];
  let idle: Segment[] = [whole(NOW_S + 900, null)];
  while (idle.length > 0) {
    rounds += 1;
    const asked = idle.slice(0, lanes);
    idle = idle.slice(lanes);
    asked.forEach((segment, index) => {
      calls += 1;
      const page = listing.page(segment);
      ids.push(...page.positions.map(({ id }) => id));
      const rest = advance(segment, page);
      allowance.read({ recordCount: page.positions.length, pageSize: PAGE_SIZE, isLast: rest === null });
      if (rest === null) return;
      const openCount = idle.length + asked.length - index;
      const pagesLeft = total === null ? null : Math.ceil((total - ids.length) / PAGE_SIZE);
      const left = split(rest, page, {
        parts: allowance.partsFor({ openCount, lanes, pagesLeft }),
        firstId: nextId,
        pagesLeft,
      });
      nextId += left.length - 1;
      idle.push(...left);
    });
  }
  return { calls, rounds, ids };
}

const times = (count: number, createdAt: (index: number) => number) =>
  Array.from({ length: count }, (_, index) => Math.floor(createdAt(index)));
const SHAPES: readonly (readonly [string, readonly number[]])[] = [
  ['evenly', times(2_000, (index) => NOW_S - index * 600)],
  ['all in one second', times(2_000, () => NOW_S)],
  ['in bursts weeks apart', times(2_000, (index) => NOW_S - Math.floor(index / 300) * 40 * DAY_S - (index % 300))],
  [
    'densely of late and sparsely for ten years before',
    times(2_000, (index) => (index < 1_000 ? NOW_S - index * 100 : NOW_S - 2 * DAY_S - (index - 1_000) * 3.6 * DAY_S)),
  ],
  [
    'sparsely of late and densely long ago',
    times(2_000, (index) => (index < 100 ? NOW_S - index * DAY_S : NOW_S - 600 * DAY_S - index)),
  ],
];

describe('reading a listing in parts', () => {
  it.each(SHAPES)('returns records created %s once each, with few more calls than pages', (_shape, created) => {
    for (const lanes of [1, 3, 14, 24]) {
      const { calls, ids } = readAll(new Listing(created, PAGE_SIZE), lanes, null);
      expect([ids.length, new Set(ids).size]).toEqual([created.length, created.length]);
      expect(calls).toBeLessThanOrEqual((created.length / PAGE_SIZE) * 1.1 + 22);
    }
  });

  it('costs few extra calls at any distribution of the records', () => {
    const created = fc
      .array(
        fc.tuple(
          fc.integer({ min: 0, max: 300_000_000 }),
          fc.integer({ min: 1, max: 120 }),
          fc.integer({ min: 0, max: 1_000 }),
        ),
        { maxLength: 12 },
      )
      .map((heaps) =>
        heaps
          .flatMap(([ageS, count, everyS]) => times(count, (index) => NOW_S - ageS - index * everyS))
          .filter((at) => at > 0),
      );
    fc.assert(
      fc.property(created, fc.integer({ min: 1, max: 24 }), fc.boolean(), (records, lanes, counted) => {
        const { calls, ids } = readAll(new Listing(records, PAGE_SIZE), lanes, counted ? records.length : null);
        expect([ids.length, new Set(ids).size]).toEqual([records.length, records.length]);
        expect(calls).toBeLessThanOrEqual((records.length / PAGE_SIZE) * 1.1 + 22);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps every lane busy from the third round to almost the last, for evenly distributed records', () => {
    const [[, created] = ['', []]] = SHAPES;
    const { calls, rounds } = readAll(new Listing(created, PAGE_SIZE), 14, null);
    expect(rounds).toBeLessThanOrEqual(Math.ceil(calls / 14) + 4);
  });

  it('requests no page beyond the provider’s count', () => {
    expect(
      readAll(
        new Listing(
          times(25, (index) => NOW_S - index),
          PAGE_SIZE,
        ),
        24,
        25,
      ).calls,
    ).toBeLessThanOrEqual(4);
    expect(
      readAll(
        new Listing(
          times(7, (index) => NOW_S - index),
          PAGE_SIZE,
        ),
        24,
        null,
      ).calls,
    ).toBe(1);
  });
});
