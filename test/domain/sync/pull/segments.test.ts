import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, restart, split } from '../../../../domain/sync/pull/segments.ts';
import type { Segment } from '../../../../domain/sync/pull/segments.ts';
import { Listing, whole } from './listing.ts';

interface Step {
  readonly pick: number;
  readonly action: 'read' | 'read-and-split' | 'restart';
  readonly parts: number;
}

interface Walked {
  readonly steps: readonly Step[];
  readonly check: (open: readonly Segment[], reads: ReadonlyMap<string, number>) => void;
}

/** Reads a listing step by step, then plainly once the steps run out. Returns how often each record was read. */
function walk(listing: Listing, first: Segment, { steps, check }: Walked): ReadonlyMap<string, number> {
  const reads = new Map<string, number>();
  const queue = [...steps];
  let open: readonly Segment[] = [first];
  for (let turn = 1; open.length > 0; turn += 1) {
    if (turn > 2_000) throw new Error('the walk does not end');
    const { pick, action, parts } = queue.shift() ?? { pick: 0, action: 'read', parts: 1 };
    const at = pick % open.length;
    open = open.flatMap((segment, index) =>
      index === at ? step(listing, segment, { action, parts, firstId: turn * 100, reads }) : [segment],
    );
    check(open, reads);
  }
  return reads;
}

/** What remains of a segment after one step. */
function step(
  listing: Listing,
  segment: Segment,
  { action, parts, firstId, reads }: Omit<Step, 'pick'> & { firstId: number; reads: Map<string, number> },
): readonly Segment[] {
  if (action === 'restart') return [restart(segment)];
  const page = listing.page(segment);
  for (const { id } of page.positions) reads.set(id, (reads.get(id) ?? 0) + 1);
  const rest = advance(segment, page);
  if (rest === null) return [];
  return action === 'read-and-split' ? split(rest, page, { parts, firstId, pagesLeft: null }) : [rest];
}

const listings = fc.record({
  // Dense seconds on purpose: several pages within one second are the hard case.
  created: fc.oneof(
    fc.array(fc.integer({ min: 1_000, max: 1_010 }), { maxLength: 60 }),
    fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 60 }),
  ),
  pageSize: fc.integer({ min: 1, max: 7 }),
  fromEpochS: fc.constantFrom(null, 1_003),
});
const stepsOf = (...actions: Step['action'][]) =>
  fc.array(
    fc.record({
      pick: fc.nat({ max: 50 }),
      action: fc.constantFrom(...actions),
      parts: fc.integer({ min: 1, max: 8 }),
    }),
    { maxLength: 80 },
  );

describe('the segments of a listing', () => {
  it('read every record exactly once, in any interleaving and with any splits', () => {
    fc.assert(
      fc.property(listings, stepsOf('read', 'read-and-split'), ({ created, pageSize, fromEpochS }, steps) => {
        const listing = new Listing(created, pageSize);
        const first = whole(200_000, fromEpochS);
        const wanted = listing.left(first);
        const reads = walk(listing, first, {
          steps,
          check(open, read) {
            const left = open.flatMap((segment) => listing.left(segment));
            expect([...read.keys(), ...left].sort()).toEqual([...wanted].sort());
          },
        });
        expect([...reads.values()].every((times) => times === 1)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('lose no record when cursors are lost, however often', () => {
    fc.assert(
      fc.property(
        listings,
        stepsOf('read', 'read-and-split', 'restart'),
        ({ created, pageSize, fromEpochS }, steps) => {
          const listing = new Listing(created, pageSize);
          const first = whole(200_000, fromEpochS);
          const wanted = listing.left(first);
          const reads = walk(listing, first, {
            steps,
            check(open, read) {
              const left = new Set(open.flatMap((segment) => listing.left(segment)));
              expect(wanted.every((id) => read.has(id) || left.has(id))).toBe(true);
            },
          });
          expect([...reads.keys()].sort()).toEqual([...wanted].sort());
        },
      ),
      { numRuns: 400 },
    );
  });

  it('are split into parts that meet at one second, cover the whole and exclude what was read', () => {
    const segments = fc.record({
      fromEpochS: fc.option(fc.integer({ min: 0, max: 5_000 })),
      oldestEpochS: fc.integer({ min: 5_000, max: 2_000_000 }),
      pageSpanS: fc.integer({ min: 0, max: 20_000 }),
      parts: fc.integer({ min: 1, max: 30 }),
    });
    fc.assert(
      fc.property(segments, ({ fromEpochS, oldestEpochS, pageSpanS, parts }) => {
        const toEpochS = oldestEpochS + pageSpanS + 1;
        const segment: Segment = { ...whole(toEpochS, fromEpochS), after: 'id', oldestEpochS, pagesRead: 1 };
        const page = {
          after: 'id',
          positions: [{ atEpochS: oldestEpochS + pageSpanS }, { atEpochS: oldestEpochS }],
        };
        const left = split(segment, page, { parts, firstId: 7, pagesLeft: null });
        expect(left.length).toBeLessThanOrEqual(Math.min(parts, 7));
        expect(left[0]).toEqual({ ...segment, fromEpochS: left[1]?.toEpochS ?? fromEpochS });
        left.slice(1).forEach((part, index) => {
          expect(part).toEqual({ ...whole(part.toEpochS, left[index + 2]?.toEpochS ?? fromEpochS), id: 7 + index });
          expect(part.toEpochS).toBeGreaterThan(part.fromEpochS ?? 0);
          expect(part.toEpochS).toBeLessThan(oldestEpochS);
        });
      }),
      { numRuns: 500 },
    );
  });

  it('are not split when a page does not show their density, nor when only one page is left', () => {
    const read: Segment = { ...whole(1_000, 900), after: 'id', oldestEpochS: 990, pagesRead: 1 };
    expect(split(read, { after: 'id', positions: [] }, { parts: 4, firstId: 1, pagesLeft: null })).toEqual([read]);
    expect(
      split(read, { after: 'id', positions: [{ atEpochS: 999 }] }, { parts: 4, firstId: 1, pagesLeft: null }).length,
    ).toBeGreaterThan(1);
    expect(
      split(
        { ...read, fromEpochS: 980 },
        { after: 'id', positions: [{ atEpochS: 999 }] },
        { parts: 4, firstId: 1, pagesLeft: null },
      ),
    ).toHaveLength(1);
  });

  it('resume at the second of the last record after a lost cursor, or at the start when nothing was read', () => {
    const segment = { ...whole(1_000, 10), after: 'id', oldestEpochS: 400, pagesRead: 3 };
    expect(restart(segment)).toEqual({ ...segment, after: null, toEpochS: 401 });
    expect(restart(restart(segment))).toEqual(restart(segment));
    expect(restart(whole(1_000, 10))).toEqual(whole(1_000, 10));
  });
});
