import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anomalyOf } from '../../../../domain/sync/pull/page-check.ts';

const at = (id: string, atEpochS: number) => ({ id, atEpochS });
const whole = { fromEpochS: null, toEpochS: 1_000, after: null, oldestEpochS: null };
const behind = { fromEpochS: 100, toEpochS: 1_000, after: 'c', oldestEpochS: 500 };

/** A valid listing, newest first, cut into pages. */
const listings = fc
  .tuple(fc.array(fc.integer({ min: 10, max: 60 }), { maxLength: 60 }), fc.integer({ min: 1, max: 9 }))
  .map(([created, pageSize]) => ({
    items: created.sort((a, b) => b - a).map((atEpochS, index) => at(`id-${index}`, atEpochS)),
    pageSize,
  }));

const pageOf = (
  { items, pageSize }: { readonly items: readonly ReturnType<typeof at>[]; readonly pageSize: number },
  index: number,
) => {
  const positions = items.slice(index * pageSize, (index + 1) * pageSize);
  return { positions, pageSize, after: (index + 1) * pageSize < items.length ? (positions.at(-1)?.id ?? null) : null };
};
const askedFor = (listing: Parameters<typeof pageOf>[0], index: number) => {
  const last = index === 0 ? undefined : pageOf(listing, index - 1).positions.at(-1);
  return { fromEpochS: 10, toEpochS: 61, after: last?.id ?? null, oldestEpochS: last?.atEpochS ?? null };
};
const pagesOf = ({ items, pageSize }: Parameters<typeof pageOf>[0]) => Math.max(1, Math.ceil(items.length / pageSize));

describe('a page of a listing', () => {
  it('is never flagged when it is valid, however many records share a second', () => {
    fc.assert(
      fc.property(listings, (listing) => {
        for (let index = 0; index < pagesOf(listing); index += 1)
          expect(anomalyOf(askedFor(listing, index), pageOf(listing, index))).toBeNull();
      }),
    );
  });

  it('is always detected when it repeats the previous page', () => {
    fc.assert(
      fc.property(listings, (listing) => {
        for (let index = 1; index < pagesOf(listing); index += 1)
          expect(anomalyOf(askedFor(listing, index), pageOf(listing, index - 1))).toBe('page-repeats');
      }),
    );
  });

  it('is always detected when half of it is missing and more is said to follow', () => {
    fc.assert(
      fc.property(listings, fc.nat({ max: 8 }), (listing, keep) => {
        const page = pageOf(listing, 0);
        const positions = page.positions.slice(0, Math.min(keep, page.positions.length - 1));
        if (positions.length === 0 || page.after === null) return;
        expect(anomalyOf(askedFor(listing, 0), { ...page, positions, after: positions.at(-1)?.id ?? null })).toBe(
          'page-short',
        );
      }),
    );
  });

  it.each([
    ['contains one record twice', whole, [at('a', 900), at('b', 800), at('a', 800)], null, 'page-repeats'],
    ['contains the record that it should follow', behind, [at('c', 500), at('d', 400)], null, 'page-repeats'],
    ['is empty and reports more', whole, [], 'x', 'page-repeats'],
    ['is not newest first', whole, [at('a', 700), at('b', 800)], null, 'page-out-of-order'],
    ['is newer than the previous page', behind, [at('d', 501)], null, 'page-out-of-order'],
    ['extends above its part', whole, [at('a', 1_000)], null, 'page-out-of-order'],
    ['extends below its part', behind, [at('d', 99)], null, 'page-out-of-order'],
    ['is last and empty', behind, [], null, null],
    [
      'continues within the second of the previous page',
      behind,
      [at('d', 500), at('e', 500), at('f', 100)],
      null,
      null,
    ],
    ['is last and partly filled', whole, [at('a', 999)], null, null],
  ] as const)('that %s', (_what, asked, positions, after, anomaly) => {
    expect(anomalyOf(asked, { positions, after, pageSize: 3 })).toBe(anomaly);
  });
});
