import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { businessDays } from '../../../domain/reconciliation/business-days.ts';
import { differenceOf } from '../../../domain/reconciliation/compare.ts';
import type { Pair } from '../../../domain/reconciliation/compare.ts';
import { addToTotals } from '../../../domain/reconciliation/totals.ts';
import type { DayTotal } from '../../../domain/reconciliation/totals.ts';
import { isCounted } from '../../../domain/reconciliation/transaction-fact.ts';
import type { TransactionFact } from '../../../domain/reconciliation/transaction-fact.ts';
import { dayIn } from '../../../domain/schedule/time-zone.ts';

// Zones whose clocks change at midnight, by half an hour, across the date line, or never.
const ZONES = [
  'UTC',
  'Europe/London',
  'America/New_York',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Beirut',
  'America/Sao_Paulo',
  'Pacific/Apia',
  'Pacific/Kiritimati',
  'Asia/Kathmandu',
];
const HOUR_MS = 3_600_000;

describe('the business days of a venue', () => {
  it('lose an hour in spring and gain one in autumn', () => {
    const spanOf = (day: string) => businessDays('Europe/London', day, day).span;
    expect(spanOf('2026-03-29')).toEqual({
      fromEpochS: Date.parse('2026-03-29T00:00:00Z') / 1_000,
      toEpochS: Date.parse('2026-03-29T23:00:00Z') / 1_000,
    });
    expect(spanOf('2026-10-25')).toEqual({
      fromEpochS: Date.parse('2026-10-24T23:00:00Z') / 1_000,
      toEpochS: Date.parse('2026-10-26T00:00:00Z') / 1_000,
    });
  });

  it('have no span for a day that the zone skipped', () => {
    expect(businessDays('Pacific/Apia', '2011-12-30', '2011-12-30').span).toBeNull();
  });

  it('begin after midnight where the clocks skip it', () => {
    // https://www.timeanddate.com/time/change/lebanon/beirut?year=2022 (read 2026-11-28)
    const days = businessDays('Asia/Beirut', '2022-03-27', '2022-03-27');
    expect(days.span?.fromEpochS).toBe(Date.parse('2022-03-26T22:00:00Z') / 1_000);
    expect(days.dayOf(Date.parse('2022-03-26T21:59:59.999Z'))).toBeNull();
    expect(days.dayOf(Date.parse('2022-03-26T22:00:00Z'))).toBe('2022-03-27');
  });

  it('contain exactly the moments that the zone’s calendar puts on them, and their span contains all of these', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ZONES),
        fc.integer({ min: Date.parse('2005-01-01'), max: Date.parse('2030-01-01') }),
        fc.integer({ min: 0, max: 3 }),
        fc.array(fc.integer({ min: -60 * HOUR_MS, max: 130 * HOUR_MS }), { minLength: 1, maxLength: 20 }),
        (zone, aroundMs, further, offsets) => {
          const from = new Date(aroundMs).toISOString().slice(0, 10);
          const to = new Date(Date.parse(from) + further * 24 * HOUR_MS).toISOString().slice(0, 10);
          const days = businessDays(zone, from, to);
          for (const offsetMs of offsets) {
            const atMs = aroundMs + offsetMs;
            const day = dayIn(zone, new Date(atMs));
            const expected = day >= from && day <= to ? day : null;
            expect(days.dayOf(atMs)).toBe(expected);
            if (expected !== null) {
              expect(days.span).not.toBeNull();
              expect(atMs).toBeGreaterThanOrEqual((days.span?.fromEpochS ?? 0) * 1_000);
              expect(atMs).toBeLessThan((days.span?.toEpochS ?? 0) * 1_000);
            }
          }
        },
      ),
      { numRuns: 200 },
    );
  });
});

const days = businessDays('America/New_York', '2026-03-07', '2026-03-09');
const aFact = (over: Partial<TransactionFact> = {}): TransactionFact => ({
  kind: 'payment',
  occurredAt: '2026-03-08T17:00:00.000Z',
  amountMinor: 1_000,
  currency: 'USD',
  status: 'succeeded',
  posted: true,
  ...over,
});

describe('a transaction on both sides', () => {
  it.each([
    ['nothing', {}, null, []],
    ['its amount', { amountMinor: 999 }, 'amount-differs', ['amountMinor']],
    ['its currency', { currency: 'EUR' }, 'amount-differs', ['currency']],
    ['its kind', { kind: 'refund' }, 'status-differs', ['kind']],
    ['its status', { status: 'failed' }, 'status-differs', ['status']],
    ['whether its money moved', { posted: false }, 'status-differs', ['posted']],
    ['its day', { occurredAt: '2026-03-09T17:00:00.000Z' }, 'day-differs', ['day']],
    ['its amount and its status', { amountMinor: 1, status: 'failed' }, 'amount-differs', ['amountMinor', 'status']],
    ['the time on its day', { occurredAt: '2026-03-08T18:00:00.000Z' }, null, []],
  ])('that differs in %s', (_what, over, kind, fields) => {
    const difference = differenceOf({ here: aFact(over), there: aFact() }, days);
    expect(difference?.kind ?? null).toBe(kind);
    expect(difference?.fields ?? []).toEqual(fields);
  });

  it('is no discrepancy where both sides put it on another day', () => {
    const elsewhere = aFact({ occurredAt: '2026-03-20T17:00:00.000Z' });
    expect(differenceOf({ here: elsewhere, there: { ...elsewhere, amountMinor: 1 } }, days)).toBeNull();
  });

  it('is on the provider’s day where only the provider puts it on one of the days', () => {
    const here = aFact({ occurredAt: '2026-03-20T17:00:00.000Z' });
    expect(differenceOf({ here, there: aFact() }, days)).toEqual({
      kind: 'day-differs',
      fields: ['day'],
      day: '2026-03-08',
    });
  });
});

describe('a transaction on one side', () => {
  it('is missing on the other', () => {
    expect(differenceOf({ here: null, there: aFact() }, days)).toEqual({
      kind: 'missing-here',
      fields: [],
      day: '2026-03-08',
    });
    expect(differenceOf({ here: aFact(), there: null }, days)?.kind).toBe('missing-there');
    expect(differenceOf({ here: null, there: null }, days)).toBeNull();
  });
});

const fact = fc.record({
  kind: fc.constantFrom('payment', 'refund', 'adjustment', 'dispute'),
  occurredAt: fc
    .integer({ min: Date.parse('2026-03-05T00:00:00Z'), max: Date.parse('2026-03-12T00:00:00Z') })
    .map((ms) => new Date(ms).toISOString()),
  amountMinor: fc.maxSafeInteger(),
  // Two, zero and three decimals.
  currency: fc.constantFrom('USD', 'JPY', 'KWD'),
  status: fc.constantFrom('pending', 'succeeded', 'failed', 'cancelled', 'won', 'lost'),
  posted: fc.constantFrom(true, false, null),
});
const side = fc.option(fact);
const pair = fc.oneof(
  fc.record({ here: side, there: side }),
  // One side is a copy of the other in which up to one field was changed.
  fc
    .tuple(fact, fact, fc.constantFrom(null, 'kind', 'occurredAt', 'amountMinor', 'currency', 'status', 'posted'))
    .map(([there, other, changed]): Pair => ({
      here: changed === null ? there : { ...there, [changed]: other[changed] },
      there,
    })),
);

/** The totals of one side by another way: a filter and a sum for each cell. */
function sumOf(pairs: readonly Pair[], which: 'here' | 'there', cell: Pick<DayTotal, 'day' | 'kind' | 'currency'>) {
  const facts = pairs
    .map((one) => one[which])
    .filter((one) => one !== null)
    .filter(
      (one) =>
        isCounted(one) &&
        one.kind === cell.kind &&
        one.currency === cell.currency &&
        dayIn('America/New_York', new Date(one.occurredAt)) === cell.day,
    );
  return { count: facts.length, amountMinor: String(facts.reduce((sum, one) => sum + BigInt(one.amountMinor), 0n)) };
}

describe('totals', () => {
  it('count each transaction once on its own day, exactly, however the pairs are cut into pages', () => {
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 60 }), fc.integer({ min: 1, max: 20 }), (pairs, pageSize) => {
        let totals: readonly DayTotal[] = [];
        for (let at = 0; at < pairs.length; at += pageSize)
          totals = addToTotals(totals, pairs.slice(at, at + pageSize), days);
        for (const total of totals) {
          expect(total.here).toEqual(sumOf(pairs, 'here', total));
          expect(total.there).toEqual(sumOf(pairs, 'there', total));
        }
        for (const which of ['here', 'there'] as const) {
          const counted = pairs
            .map((one) => one[which])
            .filter((one) => one !== null && isCounted(one) && days.dayOf(Date.parse(one.occurredAt)) !== null);
          expect(totals.reduce((sum, total) => sum + total[which].count, 0)).toBe(counted.length);
        }
        expect(totals).toEqual(addToTotals([], pairs, days));
      }),
    );
  });

  it('differ only where a discrepancy says why: without the discrepant pairs both sides are equal', () => {
    fc.assert(
      fc.property(fc.array(pair, { maxLength: 40 }), (pairs) => {
        const agreeing = pairs.filter((one) => differenceOf(one, days) === null);
        for (const { here, there } of addToTotals([], agreeing, days)) {
          expect(here).toEqual(there);
        }
      }),
    );
  });
});
