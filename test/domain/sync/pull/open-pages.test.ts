import { describe, expect, it } from 'vitest';
import { OpenPages } from '../../../../domain/sync/pull/open-pages.ts';
import { split } from '../../../../domain/sync/pull/segments.ts';
import type { Segment } from '../../../../domain/sync/pull/segments.ts';

const READERS = 4;

/** A page that spans a hundred seconds and ends at `oldestEpochS`. */
const pageTo = (oldestEpochS: number) => ({
  after: 'more',
  positions: [{ atEpochS: oldestEpochS + 100 }, { atEpochS: oldestEpochS }],
});

const part = (id: number, { fromEpochS, oldestEpochS }: Pick<Segment, 'fromEpochS' | 'oldestEpochS'>): Segment => ({
  ...{ id, stream: 'customers', fromEpochS, oldestEpochS, toEpochS: 10_000 },
  ...{ after: 'more', pagesRead: 1 },
});

describe('the first part that is split off', () => {
  it('reaches back two pages while a part is open of which nothing is known', () => {
    const open = new OpenPages([{ id: 1 }, { id: 2 }]);
    open.read(1, pageTo(1_000), [part(1, { fromEpochS: 900, oldestEpochS: 1_000 })]);
    expect(open.firstPartFor(READERS)).toBe(2);
  });

  it('reaches back two pages while a part has no lower bound', () => {
    const open = new OpenPages([{ id: 1 }]);
    open.read(1, pageTo(1_000), [part(1, { fromEpochS: null, oldestEpochS: 1_000 })]);
    expect(open.firstPartFor(READERS)).toBe(2);
  });

  it('reaches back one page once at most two pages are left for each reader', () => {
    const open = new OpenPages([{ id: 1 }, { id: 2 }]);
    open.read(1, pageTo(1_000), [part(1, { fromEpochS: 500, oldestEpochS: 1_000 })]);
    open.read(2, pageTo(5_400), [part(2, { fromEpochS: 5_000, oldestEpochS: 5_400 })]);
    expect(open.firstPartFor(READERS)).toBe(2);
    open.read(2, pageTo(5_300), [part(2, { fromEpochS: 5_000, oldestEpochS: 5_300 })]);
    expect(open.firstPartFor(READERS)).toBe(1);
  });

  it('does not count parts that are read to their end', () => {
    const open = new OpenPages([{ id: 1 }, { id: 2 }]);
    open.read(1, pageTo(1_000), [part(1, { fromEpochS: 200, oldestEpochS: 1_000 })]);
    open.read(2, pageTo(5_400), [part(2, { fromEpochS: 5_000, oldestEpochS: 5_400 })]);
    open.read(2, pageTo(5_000), []);
    expect(open.firstPartFor(READERS)).toBe(1);
  });

  it('of one page lets a part of three pages be read by two readers', () => {
    const three = part(1, { fromEpochS: 700, oldestEpochS: 1_000 });
    const how = { parts: 2, firstId: 2, pagesLeft: null };
    expect(split(three, pageTo(1_000), how)).toEqual([three]);
    expect(split(three, pageTo(1_000), { ...how, firstPart: 1 })).toMatchObject([
      { id: 1, fromEpochS: 900, after: 'more' },
      { id: 2, fromEpochS: 700, toEpochS: 900, after: null },
    ]);
  });
});
