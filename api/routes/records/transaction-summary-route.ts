import { z } from 'zod';
import { TooManySumsError } from '../../../db/records/transaction-summary-store.ts';
import type { TransactionSummaryStore } from '../../../db/records/transaction-summary-store.ts';
import type { VenueStore } from '../../../db/core/venue-store.ts';
import { dayIn } from '../../../domain/schedule/time-zone.ts';
import { ApiError } from '../../errors/api-error.ts';
import type { FieldError } from '../../errors/api-error.ts';
import { endpoint } from '../../http/endpoint.ts';
import type { Endpoint } from '../../http/endpoint.ts';
import { notFound } from '../../errors/not-found.ts';
import { summaryAnswer, summaryQuery } from '../../schemas/transaction-summary.ts';

export interface TransactionSummaryRouteDeps {
  readonly venues: VenueStore;
  readonly summaries: TransactionSummaryStore;
  readonly clock: () => Date;
}

const DEFAULT_DAYS = 30;
const MAX_DAYS = 366;
const DAY_MS = 86_400_000;

export function transactionSummaryRoute({ venues, summaries, clock }: TransactionSummaryRouteDeps): Endpoint {
  return endpoint({
    name: 'summariseTransactions',
    summary: 'Sum up transactions by day, kind, currency and connection',
    description: [
      'Counts the money that is `posted`: on the day on which it came to or left the provider’s balance, whatever became of it since. What undoes it, such as a bank that takes a payment back, is an adjustment of its own day, so a day that is over does not change. Where `posted` is null, what has `succeeded` is counted, and every dispute. `status` counts the transactions of that status instead.',
      'Deleted transactions are left out. Days begin and end at midnight in the venue’s time zone; where a provider tells days and no times, its own day counts. A day without transactions has no row. At most 366 days.',
      'A transaction counts for the first connection that it came from.',
    ].join(' '),
    tag: 'Records',
    method: 'get',
    path: '/v1/venues/{venueId}/transactions/summary',
    role: 'viewer',
    query: summaryQuery,
    async rules({ venueId }, { from, to }) {
      const venue = await venues.find([venueId], venueId);
      const asked = askedDays.safeParse({ from, to });
      return venue && asked.success ? wrongDays(asked.data, dayIn(venue.timeZone, clock())) : [];
    },
    answers: { 200: { description: 'In the order of day, kind, currency and connection.', schema: summaryAnswer } },
    problems: ['sum-out-of-range', 'summary-too-large'],
    async handle({ ids: { venueId }, query: { from, to, status, ...filter } }) {
      const venue = await venues.find([venueId], venueId);
      if (!venue) throw notFound('venue-not-found');
      const { timeZone } = venue;
      const days = daysOf({ from, to }, dayIn(timeZone, clock()));
      const sums = await summarised(
        summaries.summarise(venueId, { ...filter, ...days, timeZone, status: status ?? null }),
      );
      const data = sums.map((sum) => ({
        ...sum,
        amountMinor: toSafeNumber(sum.amountMinor),
        feeMinor: toSafeNumber(sum.feeMinor),
      }));
      return { status: 200, body: { ...days, timeZone, data } satisfies z.input<typeof summaryAnswer> };
    },
  });
}

async function summarised<T>(sums: Promise<T>): Promise<T> {
  try {
    return await sums;
  } catch (error) {
    throw error instanceof TooManySumsError ? new ApiError('summary-too-large', `${error.message}.`) : error;
  }
}

const askedDays = z.object(summaryQuery.shape).pick({ from: true, to: true });
type AskedDays = z.output<typeof askedDays>;

function daysOf({ from, to }: AskedDays, today: string): { readonly from: string; readonly to: string } {
  const last = to ?? today;
  return { from: from ?? toDay(Date.parse(last) - (DEFAULT_DAYS - 1) * DAY_MS), to: last };
}

/** Names days that are too many, or begin in the future. */
function wrongDays(asked: AskedDays, today: string): readonly FieldError[] {
  const { from, to } = daysOf(asked, today);
  // In days without a time zone, which all have the same length.
  const count = (Date.parse(to) - Date.parse(from)) / DAY_MS + 1;
  // With both days the schema says so.
  if (count < 1) return asked.to === undefined ? [{ path: 'from', message: 'Must not be after today' }] : [];
  if (count <= MAX_DAYS) return [];
  return [{ path: 'from', message: `Must not be more than ${MAX_DAYS} days with the last one` }];
}

const toDay = (epochMs: number): string => new Date(epochMs).toISOString().slice(0, 10);

function toSafeNumber(sum: bigint): number {
  const value = Number(sum);
  if (!Number.isSafeInteger(value)) throw new ApiError('sum-out-of-range', 'A sum is too large to be shown exactly.');
  return value;
}
