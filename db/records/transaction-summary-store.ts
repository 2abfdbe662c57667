import { sql } from 'drizzle-orm';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import type { TransactionKind, TransactionStatus } from '../../records/transactions.ts';
import { offsetPeriods } from '../../domain/schedule/time-zone.ts';
import type { OffsetPeriod } from '../../domain/schedule/time-zone.ts';
import { withVenue } from '../core/venue-scope.ts';
import type { Database } from '../core/venue-scope.ts';

export interface SummaryFilter {
  /** Calendar days in `timeZone`, `YYYY-MM-DD`, both included. */
  readonly from: string;
  readonly to: string;
  readonly timeZone: string;
  /** Null: all posted money, see `posted`. */
  readonly status: TransactionStatus | null;
  readonly kind?: TransactionKind | undefined;
  readonly currency?: string | undefined;
  readonly connectionId?: ConnectionId | undefined;
}

/** The transactions of one day, kind, currency and connection. */
export interface TransactionSum {
  /** `YYYY-MM-DD` */
  readonly day: string;
  readonly kind: TransactionKind;
  readonly currency: string;
  /** Null for transactions that the venue wrote itself. */
  readonly connectionId: ConnectionId | null;
  readonly count: number;
  /** Minor units of `currency`, exact even above the range of a number. */
  readonly amountMinor: bigint;
  /** Sum of the known fees. */
  readonly feeMinor: bigint;
}

/** As many as an answer has room for: each is some 200 bytes. */
const MAX_SUMS = 20_000;

export class TooManySumsError extends Error {
  override readonly name = 'TooManySumsError';
  constructor() {
    super(`There are more than ${MAX_SUMS} sums`);
  }
}

export interface TransactionSummaryStore {
  /** In the order of day, kind, currency, connection; deleted transactions are left out. Throws TooManySumsError. */
  summarise(venueId: VenueId, filter: SummaryFilter): Promise<readonly TransactionSum[]>;
}

/** `daysAlone`: providers whose transactions have days and no times, told as the first instant of their day in UTC. */
export function createTransactionSummaryStore(
  db: Database,
  daysAlone: readonly ProviderId[] = [],
): TransactionSummaryStore {
  return {
    summarise: (venueId, filter) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx.execute<Row>(summaryQuery(filter, daysAlone));
        if (rows.length > MAX_SUMS) throw new TooManySumsError();
        return rows.map((row) => ({
          day: row.day,
          kind: row.kind,
          currency: row.currency,
          connectionId: row.connection_id,
          count: row.count,
          amountMinor: BigInt(row.amount_minor),
          feeMinor: BigInt(row.fee_minor),
        }));
      }),
  };
}

interface Row extends Record<string, unknown> {
  readonly day: string;
  readonly kind: TransactionKind;
  readonly currency: string;
  readonly connection_id: ConnectionId | null;
  readonly count: number;
  readonly amount_minor: string;
  readonly fee_minor: string;
}

/**
 * Whether the transaction is in the provider's balance, whatever happened later: a reversal is a transaction of its own
 * day. Without a `posted` value the status decides; a dispute takes the money when it is opened.
 */
const posted = sql`coalesce(t.posted, t.status in ('succeeded', 'won', 'lost') or t.kind = 'dispute')`;

/**
 * Only Node interprets time zones, and Postgres gets their offsets: it would read some names differently (`MET` as an
 * abbreviation) and others not at all. The time range, which the index uses, is a day wider at both ends than the
 * requested days; the day itself decides, so that clock changes at midnight do not matter. A transaction belongs to the
 * first connection that it was linked to.
 */
const summaryQuery = (
  { from, to, timeZone, status, kind, currency, connectionId }: SummaryFilter,
  daysAlone: readonly ProviderId[],
) => {
  const periods = offsetPeriods(timeZone, new Date(Date.parse(from) - DAY_MS), new Date(Date.parse(to) + 2 * DAY_MS));
  return sql`
  select d.day::text as day, t.kind, t.currency, l.connection_id, count(*)::int as count,
    sum(t.amount_minor)::text as amount_minor, coalesce(sum(t.fee_minor), 0)::text as fee_minor
  from transactions t
  left join lateral (
    select connection_id from record_links where record_id = t.id and resource = 'transactions' order by created_at, connection_id limit 1
  ) l on true
  cross join lateral (select (t.occurred_at at time zone 'UTC' + make_interval(secs => case when l.connection_id = any (${ofProviders(daysAlone)}) then 0
    else ${offsetOf(periods)} end))::date as day) d
  where t.occurred_at >= ${iso(periods.at(0)?.startsAt)} and t.occurred_at < ${iso(periods.at(-1)?.endsAt)}
    and d.day between ${from}::date and ${to}::date
    and t.deleted_at is null
    and ${status === null ? posted : sql`t.status = ${status}`}
    ${kind === undefined ? sql`` : sql`and t.kind = ${kind}`}
    ${currency === undefined ? sql`` : sql`and t.currency = ${currency}`}
    ${connectionId === undefined ? sql`` : sql`and l.connection_id = ${connectionId}`}
  group by d.day, t.kind, t.currency, l.connection_id
  order by d.day, t.kind, t.currency, l.connection_id nulls first
  limit ${MAX_SUMS + 1}`;
};

/** The venue's connections of these providers, which Postgres reads once. */
const ofProviders = (providers: readonly ProviderId[]) =>
  sql`array(select id from connections where provider in (select jsonb_array_elements_text(${JSON.stringify(providers)}::jsonb)))`;

const DAY_MS = 86_400_000;

/** The offset in seconds at `t.occurred_at`, which lies in one of the periods. */
const offsetOf = (periods: readonly OffsetPeriod[]) =>
  sql`case ${sql.join(
    periods.map(({ endsAt, offsetS }) => sql`when t.occurred_at < ${iso(endsAt)} then ${offsetS}::int`),
    sql` `,
  )} end`;

const iso = (time: Date | undefined) => sql`${time?.toISOString() ?? null}::timestamptz`;
