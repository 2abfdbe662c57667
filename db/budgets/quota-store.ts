import { sql } from 'drizzle-orm';
import { MONTH_S } from '../../contracts/providers.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { reserveSlotIn } from './slot-queue.ts';

export interface Quota {
  readonly key: string;
  readonly windowS: number;
  readonly limit: number;
  readonly account?: { readonly key: string; readonly keyPrefix: string };
}

export interface QuotaStore {
  admit(request: {
    readonly pace: { readonly key: string; readonly ratePerSecond: number } | null;
    readonly quotas: readonly Quota[];
    readonly maxWaitMs: number;
    readonly mustPass: boolean;
  }): Promise<Admission>;
  learn(quota: Quota, told: { readonly remaining: number; readonly endsInMs?: number | undefined }): Promise<void>;
}

type Admission = { granted: true; waitMs: number } | { granted: false; retryAfterMs: number; reason: 'pace' | 'quota' };

/** Above this share, a window that accounts share admits only accounts below their even part of it. */
const SHARED_FREELY = 0.8;

class Refused extends Error {
  readonly admission: Admission;

  constructor(admission: Admission) {
    super('refused');
    this.admission = admission;
  }
}

/** Windows too long to wait for within a call, counted in fixed windows that start with their first call. */
export function createQuotaStore(db: Database): QuotaStore {
  return {
    async admit(request) {
      try {
        return await db.transaction((tx) => admit(tx, request));
      } catch (error) {
        if (error instanceof Refused) return error.admission;
        throw error;
      }
    },

    async learn({ key, windowS, limit }, { remaining, endsInMs }) {
      const used = Math.max(0, limit - remaining);
      const startsNow = sql`clock_timestamp()`;
      const startedAt =
        // The calendar tells when a month ends.
        endsInMs === undefined || windowS === MONTH_S
          ? null
          : sql`clock_timestamp() + ${endsInMs} * interval '1 millisecond' - ${windowS} * interval '1 second'`;
      // A figure below half of ours comes from a window that has started anew.
      const kept = sql`case when ${hasEnded} or ${used} < q.used / 2 then ${startsNow} else q.started_at end`;
      await db.execute(sql`
        insert into provider_quotas as q (key, window_s, used, started_at) values (${key}, ${windowS}, ${used}, ${startedAt ?? startsNow})
        on conflict (key, window_s) do update set used = ${used}, started_at = ${startedAt ?? kept}
        where q.used <> ${used} or ${hasEnded}`);
    },
  };
}

/** When the window of the row `q` ends: a month with the calendar, another one so long after its first call. */
export const windowEnd = sql`case when q.window_s = ${sql.raw(String(MONTH_S))}
  then (date_trunc('month', q.started_at at time zone 'UTC') + interval '1 month') at time zone 'UTC'
  else q.started_at + q.window_s * interval '1 second' end`;
const hasEnded = sql`${windowEnd} <= clock_timestamp()`;

/** Throws Refused, which rolls back what was counted before it. */
async function admit(
  tx: Transaction,
  { pace, quotas, maxWaitMs, mustPass }: Parameters<QuotaStore['admit']>[0],
): Promise<Admission> {
  for (const quota of quotas) {
    if (await spend(tx, quota, mustPass)) continue;
    throw new Refused({ granted: false, reason: 'quota', retryAfterMs: await msToNext(tx, quota) });
  }
  if (pace === null) return { granted: true, waitMs: 0 };
  // Comes last, because all accounts of the app wait for this row until the transaction ends.
  const slot = await reserveSlotIn(tx, pace.key, { ...pace, lane: 'bulk', maxWaitMs: mustPass ? Infinity : maxWaitMs });
  if (!slot.granted) throw new Refused({ ...slot, reason: 'pace' });
  return slot;
}

async function spend(tx: Transaction, { key, windowS, limit, account }: Quota, mustPass: boolean): Promise<boolean> {
  const own = account ? await count(tx, { key: account.key, windowS }, sql`true`) : null;
  const share = own === null || !account ? sql`true` : await withinShare(tx, { limit, windowS, own, ...account });
  const used = await count(tx, { key, windowS }, mustPass ? sql`true` : sql`q.used < ${limit} and ${share}`);
  return used !== null;
}

/** Counts one call if the window has started anew or `mayGrow`; otherwise returns null. */
async function count(
  tx: Transaction,
  { key, windowS }: Pick<Quota, 'key' | 'windowS'>,
  mayGrow: ReturnType<typeof sql>,
): Promise<number | null> {
  const [row] = await tx.execute<{ used: number }>(sql`
    insert into provider_quotas as q (key, window_s, used, started_at) values (${key}, ${windowS}, 1, clock_timestamp())
    on conflict (key, window_s) do update set used = case when ${hasEnded} then 1 else q.used + 1 end,
      started_at = case when ${hasEnded} then clock_timestamp() else q.started_at end
    where ${hasEnded} or (${mayGrow}) returning used`);
  return row?.used ?? null;
}

async function withinShare(
  tx: Transaction,
  { limit, windowS, own, keyPrefix }: Pick<Quota, 'limit' | 'windowS'> & { own: number; keyPrefix: string },
) {
  const [row] = await tx.execute<{ accounts: number }>(sql`
    select count(*)::int as accounts from provider_quotas q where starts_with(q.key, ${keyPrefix}) and q.window_s = ${windowS} and not ${hasEnded}`);
  return own <= limit / Math.max(1, row?.accounts ?? 1)
    ? sql`true`
    : sql`q.used < ${Math.floor(limit * SHARED_FREELY)}`;
}

async function msToNext(tx: Transaction, { key, windowS }: Quota): Promise<number> {
  const [row] = await tx.execute<{ ms: number }>(sql`
    select greatest(1000, extract(epoch from ${windowEnd} - clock_timestamp()) * 1000)::float8 as ms
    from provider_quotas q where q.key = ${key} and q.window_s = ${windowS}`);
  return Math.ceil(row?.ms ?? 1_000);
}
