import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkOffsetPage, firstOffsetPart } from '../../../../domain/sync/pull/offset.ts';
import { offset, pageCursor, timeWindows } from '../../../../domain/sync/pull/pull-plan.ts';
import { ChangingList, isFilteredOut, readWhileChanging } from './changing-list.ts';
import type { Item, ListChange, Reading } from './changing-list.ts';

const times = fc.oneof(
  // Several pages within one second are the hard case.
  fc.array(fc.integer({ min: 1_000, max: 1_004 }), { maxLength: 40 }),
  fc.array(fc.integer({ min: 1, max: 100_000 }), { maxLength: 40 }),
);
const pageSize = fc.integer({ min: 2, max: 6 });
/** The front of the list often: there a change moves everything behind it. */
const place = fc.oneof(fc.constant(0), fc.nat(100));
/** Fewer than the restarts, repeated pages and steps back after which a reader rightly gives up. */
const changesOf = (...kinds: readonly ListChange['kind'][]): fc.Arbitrary<readonly ListChange[]> =>
  fc.array(fc.record({ kind: fc.constantFrom(...kinds), place, count: fc.integer({ min: 1, max: 9 }) }), {
    maxLength: 5,
  });

/** Reads the list while it changes, and returns the objects that were there all the time and were not read. */
function missedBy(reading: Reading): readonly string[] {
  const atStart: readonly Item[] = reading.list.items;
  const read = readWhileChanging(reading);
  const atEnd = new Set(reading.list.items.map(({ id }) => id));
  return atStart.map(({ id }) => id).filter((id) => atEnd.has(id) && !read.has(id));
}

describe('a list whose objects are inserted and deleted while it is read', () => {
  it('is read completely in time windows, also when the object that the cursor names is deleted', () => {
    fc.assert(
      fc.property(
        times,
        pageSize,
        fc.integer({ min: 1, max: 5 }),
        changesOf('insert', 'delete', 'nothing'),
        (created, size, parts, changes) => {
          const list = new ChangingList(created, size);
          const stream = timeWindows('records');
          expect(missedBy({ stream, list, answer: list.byWindow, changes, parts })).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it.each([
    ['from the start', { from: 'start' }],
    ['from the time that was reached', { from: 'time', overlapS: 2 }],
  ] as const)('is read completely by a cursor that expires and restarts %s', (_what, afterExpiry) => {
    fc.assert(
      fc.property(
        times,
        pageSize,
        changesOf('insert', 'delete', 'expire-cursors', 'nothing'),
        (changed, size, changes) => {
          const list = new ChangingList(changed, size);
          const stream = pageCursor('records', { afterExpiry });
          const missed = missedBy({ stream, list, answer: list.byCursor, changes });
          expect(missed.filter((id) => !isFilteredOut(id))).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('is read completely by offset', () => {
    fc.assert(
      fc.property(
        times,
        pageSize.chain((size) => fc.tuple(fc.constant(size), fc.integer({ min: 1, max: size - 1 }))),
        changesOf('insert', 'delete', 'nothing'),
        (created, [size, overlap], changes) => {
          const list = new ChangingList(created, size);
          const stream = offset('records', { overlap });
          expect(missedBy({ stream, list, answer: list.byOffset, changes })).toEqual([]);
        },
      ),
      { numRuns: 1_000 },
    );
  });

  it('is read completely by offset when exactly a page less the overlap is inserted in front', () => {
    const list = new ChangingList([1, 2, 3, 4, 5, 6, 7, 8], 4);
    const changes = [{ kind: 'insert', place: 0, count: 3 }] as const;
    expect(missedBy({ stream: offset('records', { overlap: 1 }), list, answer: list.byOffset, changes })).toEqual([]);
  });
});

describe('a page by offset that equals the previous one', () => {
  const stream = offset('records', { overlap: 1 });
  const first = { id: 0, stream: 'records', fromEpochS: null, toEpochS: 1, after: null, pagesRead: 0 };
  const page = (after: number) => ({
    ...{ after, pageSize: 2 },
    positions: [
      { id: 'a', atEpochS: null },
      { id: 'b', atEpochS: null },
    ],
  });
  const afterFirst = () => {
    const verdict = checkOffsetPage(firstOffsetPart(first), page(2), stream);
    if (verdict.do !== 'take' || verdict.left === null) throw new Error('the first page is taken');
    return verdict.left;
  };

  it('is requested again once, and then counts as shifted', () => {
    const again = checkOffsetPage(afterFirst(), page(3), stream);
    expect(again).toMatchObject({ do: 'ask-again', anomaly: 'page-repeats' });
    if (again.do !== 'ask-again') return;
    expect(checkOffsetPage(again.part, page(3), stream)).toMatchObject({
      ...{ do: 'take', anomaly: 'order-shifted', isReread: true },
      left: { after: 2, tail: ['b'] },
    });
  });

  it('is no longer accepted from a provider that returns it for every offset', () => {
    let part = afterFirst();
    let repeats = 0;
    for (let requests = 0; requests < 20 && repeats < 4; requests += 1) {
      const verdict = checkOffsetPage(part, page(Number(part.after) + 2), stream);
      repeats = verdict.do === 'ask-again' ? repeats + 1 : 0;
      if (verdict.do === 'ask-again') part = verdict.part;
      else if (verdict.do === 'take' && verdict.left !== null) part = verdict.left;
    }
    expect(repeats).toBe(4);
  });
});
