import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { createTransactionSummaryStore } from '../../../db/records/transaction-summary-store.ts';
import { offsetPeriods } from '../../../domain/schedule/time-zone.ts';
import { TIME_ZONE_NAMES } from '../../../domain/schedule/time-zone-names.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';
import { transactions as transactionKind } from '../../../records/transactions.ts';

// Postgres has its own time zone database and implementation. It never reads a session's zone name as an abbreviation.

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

// The range ends before the years whose rules a release may still change: Node 24.21 has tzdata 2026c, in which Morocco
// stays on UTC from 2026-09-20, and embedded Postgres 18.4 an older one. Such differences are why a single engine
// decides what a name means.
const [FROM, TO] = [new Date('2023-01-01T00:00:00Z'), new Date('2025-12-31T00:00:00Z')];

const inZone = <T>(timeZone: string, ask: (sql: TestDatabase['admin']) => Promise<T>): Promise<T> =>
  database.admin.begin(async (sql) => {
    await sql`select set_config('timezone', ${timeZone}, true)`;
    return ask(sql as unknown as TestDatabase['admin']);
  }) as Promise<T>;

describe('every listed time zone', () => {
  it('is known to Postgres and Node, and no zone that both know is missing', async () => {
    const rows = await database.admin<
      { name: string }[]
    >`select name from pg_timezone_names where name !~ '^(posix|right)/' and name not in ('Factory', 'posixrules', 'localtime')`;
    expect([...TIME_ZONE_NAMES].sort()).toEqual(rows.map(({ name }) => name).sort());
    for (const timeZone of TIME_ZONE_NAMES)
      expect(() => new Intl.DateTimeFormat('en', { timeZone }), timeZone).not.toThrow();
    const listed = new Set(TIME_ZONE_NAMES);
    expect(Intl.supportedValuesOf('timeZone').filter((name) => !listed.has(name))).toEqual([]);
  });

  it('has the same offsets in Node and Postgres, to the second of each change', async () => {
    for (const timeZone of TIME_ZONE_NAMES) {
      const periods = offsetPeriods(timeZone, FROM, TO);
      // The first and last second of each period, and times in between, close enough to detect any change that only
      // Postgres knows.
      const asked = periods.flatMap(({ startsAt, endsAt, offsetS }) =>
        timesBetween(startsAt.getTime(), endsAt.getTime() - 1_000).map((at) => ({ at, offsetS })),
      );
      const rows = await inZone(
        timeZone,
        (sql) => sql<{ at: string; offset_s: number }[]>`
        select t.at, extract(timezone from t.at::timestamptz)::int as offset_s from unnest(${asked.map(({ at }) => at)}::text[]) with ordinality as t(at, n) order by t.n`,
      );
      expect(
        rows.map(({ at, offset_s }) => `${at} ${offset_s}`),
        timeZone,
      ).toEqual(asked.map(({ at, offsetS }) => `${at} ${offsetS}`));
    }
  }, 120_000);
});

const TEN_DAYS_MS = 864_000_000;

function timesBetween(firstMs: number, lastMs: number): readonly string[] {
  const times = [];
  for (let ms = firstMs; ms < lastMs; ms += TEN_DAYS_MS) times.push(ms);
  return [...times, lastMs].map((ms) => new Date(ms).toISOString());
}

describe('the days of a summary', () => {
  it('equal Postgres’ own reading of the zone, for any zone and any days', async () => {
    const venueId = await aVenue(database.db);
    await pay(venueId, INSTANTS);
    const summaries = createTransactionSummaryStore(database.db);
    // Postgres' abbreviations are names without a slash.
    const zones = fc.oneof(
      fc.constantFrom(...TIME_ZONE_NAMES),
      fc.constantFrom(...TIME_ZONE_NAMES.filter((name) => !name.includes('/'))),
    );
    const ranges = fc.tuple(fc.integer({ min: 0, max: 364 }), fc.integer({ min: 1, max: 60 }));
    await fc.assert(
      fc.asyncProperty(zones, ranges, async (timeZone, [first, length]) => {
        const [from, to] = [dayOf(first), dayOf(first + length - 1)];
        const { start, instants } = around(first, length);
        const sums = await summaries.summarise(venueId, { from, to, timeZone, status: null });
        const expected = await inZone(
          timeZone,
          (sql) => sql<{ day: string; amount: string }[]>`
          select t.at::date::text as day, sum(t.n + ${start})::text as amount from unnest(${instants}::text[]::timestamptz[]) with ordinality as t(at, n)
          where t.at::date between ${from} and ${to} group by 1 order by 1`,
        );
        expect(sums.map(({ day, amountMinor }) => `${day} ${amountMinor}`)).toEqual(
          expected.map(({ day, amount }) => `${day} ${amount}`),
        );
      }),
      { numRuns: 100 },
    );
  }, 60_000);
});

const dayOf = (index: number) => new Date(Date.UTC(2024, 0, 1 + index)).toISOString().slice(0, 10);
/** All of 2024. Steps of 29:53 minutes fall on both sides of midnight in every zone, at varying distances. */
const INSTANTS: readonly string[] = Array.from({ length: 17_660 }, (_, index) =>
  new Date(Date.UTC(2024, 0, 1) + index * 1_793_000).toISOString(),
);

/** The times that may fall on the days in some zone: those from two days before the first to two days after the last. */
function around(firstDay: number, days: number): { readonly start: number; readonly instants: readonly string[] } {
  const [from, to] = [dayOf(firstDay - 2), dayOf(firstDay + days + 2)];
  const start = INSTANTS.findIndex((at) => at >= from);
  return { start, instants: INSTANTS.slice(start).filter((at) => at < to) };
}

/** Each payment has a different amount, so that a day's sum shows which of them it includes. */
async function pay(venueId: VenueId, times: readonly string[]): Promise<void> {
  const transactions = createRecordStore(database.db, transactionKind);
  const payment = { kind: 'payment', currency: 'EUR', status: 'succeeded' } as const;
  for (let start = 0; start < times.length; start += 1_000) {
    await transactions.upsertMany(
      venueId,
      times.slice(start, start + 1_000).map((occurredAt, index) => ({
        sourceId: `t${start + index}`,
        occurredAt,
        amountMinor: start + index + 1,
        ...payment,
      })),
    );
  }
}
