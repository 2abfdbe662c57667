import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { advance, restart, split } from '../../domain/segments.ts';
import type { Segment } from '../../domain/segments.ts';

interface Item {
  readonly id: string;
  readonly created: number;
}

interface Step {
  readonly pick: number;
  readonly action: 'read' | 'read-and-split' | 'restart';
}

/** A provider's listing, newest first, as Stripe pages it. */
class Listing {
  readonly #items: readonly Item[];
  readonly #pageSize: number;

  constructor(created: readonly number[], pageSize: number) {
    this.#items = [...created].sort((a, b) => b - a).map((at, index) => ({ id: `id-${index}`, created: at }));
    this.#pageSize = pageSize;
  }

  get ids(): readonly string[] {
    return this.#items.map(({ id }) => id);
  }

  /** What is left of a segment. */
  left({ fromEpochS, toEpochS, after }: Segment): readonly Item[] {
    const start = after === null ? 0 : this.#items.findIndex(({ id }) => id === after) + 1;
    return this.#items.slice(start).filter(({ created }) => created < toEpochS && created >= (fromEpochS ?? -Infinity));
  }

  page(segment: Segment) {
    const left = this.left(segment);
    const items = left.slice(0, this.#pageSize);
    return { items, after: left.length > items.length ? (items.at(-1)?.id ?? null) : null, positions: items.map(({ id, created }) => ({ id, createdEpochS: created })) };
  }
}

const whole = (toEpochS: number, fromEpochS: number | null): Segment => ({ id: 0, stream: 'records', fromEpochS, toEpochS, after: null, oldestEpochS: null, pagesRead: 0 });

interface Walked {
  readonly steps: readonly Step[];
  readonly check: (open: readonly Segment[], reads: ReadonlyMap<string, number>) => void;
}

/** Walks a listing step by step; steps that are used up are followed by plain reads. Returns how often each record was read. */
function walk(listing: Listing, first: Segment, { steps, check }: Walked): ReadonlyMap<string, number> {
  const reads = new Map<string, number>();
  const queue = [...steps];
  let open: readonly Segment[] = [first];
  for (let turn = 1; open.length > 0; turn += 1) {
    if (turn > 2_000) throw new Error('the walk does not end');
    const { pick, action } = queue.shift() ?? { pick: 0, action: 'read' };
    const at = pick % open.length;
    open = open.flatMap((segment, index) => (index === at ? step(listing, segment, { action, newId: turn, reads }) : [segment]));
    check(open, reads);
  }
  return reads;
}

/** What is left of a segment after one step. */
function step(listing: Listing, segment: Segment, { action, newId, reads }: { action: Step['action']; newId: number; reads: Map<string, number> }): readonly Segment[] {
  if (action === 'restart') return [restart(segment)];
  const page = listing.page(segment);
  for (const { id } of page.items) reads.set(id, (reads.get(id) ?? 0) + 1);
  const rest = advance(segment, page);
  if (rest === null) return [];
  return (action === 'read-and-split' ? split(rest, newId) : null) ?? [rest];
}

const listings = fc.record({
  // Dense seconds on purpose: several pages of one second are the hard case.
  created: fc.oneof(fc.array(fc.integer({ min: 1_000, max: 1_010 }), { maxLength: 60 }), fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 60 })),
  pageSize: fc.integer({ min: 1, max: 7 }),
  fromEpochS: fc.constantFrom(null, 1_003),
});
const stepsOf = (...actions: Step['action'][]) => fc.array(fc.record({ pick: fc.nat({ max: 50 }), action: fc.constantFrom(...actions) }), { maxLength: 80 });

describe('the segments of a listing', () => {
  it('read every record exactly once, in any interleaving and with any splits', () => {
    fc.assert(
      fc.property(listings, stepsOf('read', 'read-and-split'), ({ created, pageSize, fromEpochS }, steps) => {
        const listing = new Listing(created, pageSize);
        const first = whole(200_000, fromEpochS);
        const wanted = listing.left(first).map(({ id }) => id);
        const reads = walk(listing, first, {
          steps,
          check(open, read) {
            const left = open.flatMap((segment) => listing.left(segment)).map(({ id }) => id);
            expect([...read.keys(), ...left].sort()).toEqual([...wanted].sort());
          },
        });
        expect([...reads.values()].every((times) => times === 1)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  it('lose no record when cursors are lost on the way, however often', () => {
    fc.assert(
      fc.property(listings, stepsOf('read', 'read-and-split', 'restart'), ({ created, pageSize, fromEpochS }, steps) => {
        const listing = new Listing(created, pageSize);
        const first = whole(200_000, fromEpochS);
        const wanted = listing.left(first).map(({ id }) => id);
        const reads = walk(listing, first, {
          steps,
          check(open, read) {
            const left = new Set(open.flatMap((segment) => listing.left(segment)).map(({ id }) => id));
            expect(wanted.every((id) => read.has(id) || left.has(id))).toBe(true);
          },
        });
        expect([...reads.keys()].sort()).toEqual([...wanted].sort());
      }),
      { numRuns: 400 },
    );
  });

  it('are cut so that the halves meet at one second, lie within the whole and leave what was read behind', () => {
    const segments = fc.record<Segment>({
      id: fc.constant(0),
      fromEpochS: fc.option(fc.integer({ min: 0, max: 5_000 })),
      toEpochS: fc.integer({ min: 5_001, max: 2_000_000 }),
      after: fc.constant('id'),
      oldestEpochS: fc.integer({ min: 5_000, max: 2_000_000 }),
      pagesRead: fc.integer({ min: 1, max: 100 }),
    });
    fc.assert(
      fc.property(segments.filter(({ oldestEpochS, toEpochS }) => (oldestEpochS ?? 0) < toEpochS), (segment) => {
        const halves = split(segment, 7);
        if (halves === null) return;
        const [newer, older] = halves;
        expect(newer).toEqual({ ...segment, fromEpochS: older.toEpochS });
        expect(older).toEqual({ id: 7, fromEpochS: segment.fromEpochS, toEpochS: newer.fromEpochS, after: null, oldestEpochS: null, pagesRead: 0 });
        expect(older.toEpochS).toBeGreaterThan(segment.fromEpochS ?? 0);
        expect(older.toEpochS).toBeLessThan(segment.oldestEpochS ?? 0);
      }),
      { numRuns: 500 },
    );
  });

  it('are not cut before a page tells how dense they are, nor when a page is all that is left', () => {
    expect(split(whole(1_000, null), 1)).toBeNull();
    expect(split({ ...whole(1_000, 998), after: 'id', oldestEpochS: 999, pagesRead: 1 }, 1)).toBeNull();
  });

  it('go on from the second of the last record after a lost cursor, and from the start when nothing was read', () => {
    const segment = { ...whole(1_000, 10), after: 'id', oldestEpochS: 400, pagesRead: 3 };
    expect(restart(segment)).toEqual({ ...segment, after: null, toEpochS: 401 });
    expect(restart(restart(segment))).toEqual(restart(segment));
    expect(restart(whole(1_000, 10))).toEqual(whole(1_000, 10));
  });
});
