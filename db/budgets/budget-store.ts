import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { Database, Transaction } from '../core/venue-scope.ts';

/** A caller that comes late may use slots of this much past time: short gaps between calls do not cost rate. */
const CATCH_UP_MS = 200;
/** An interactive call goes at once while at most this much work is waiting. */
const INTERACTIVE_BACKLOG_MS = 2_000;
/** After a 429 nobody overtakes: the provider has just asked for less. */
const CALM_AFTER_THROTTLE_MS = 5_000;
/** What a 429 leaves of the rate, and how much of the full rate comes back each second. */
const THROTTLE_FACTOR = 0.7;
const RECOVERY_PER_SECOND = 0.05;

export interface BudgetReservation {
  readonly ratePerSecond: number;
  readonly lane: 'interactive' | 'bulk';
  readonly maxWaitMs: number;
}

export interface LeaseRequest {
  readonly holder: string;
  readonly slots: number;
  readonly maxSlots: number;
  readonly ttlMs: number;
  readonly task?: LeasedTask | undefined;
}

/** The activity attempt that a lease is used for, and the worker process that is at it. */
export interface LeasedTask {
  /** As `WorkerPresence` gives it. */
  readonly workerKey: number;
  /** Temporal's token of the attempt, as base64. */
  readonly token: string;
}

export interface BudgetStore {
  reserve(
    key: string,
    request: BudgetReservation,
  ): Promise<{ granted: true; waitMs: number } | { granted: false; retryAfterMs: number }>;
  throttle(key: string, cut: { readonly ratePerSecond: number; readonly pauseMs: number }): Promise<void>;
  acquireLease(key: string, request: LeaseRequest): Promise<{ id: string; slots: number } | null>;
  renewLease(
    leaseId: string,
    request: { readonly slots: number; readonly maxSlots: number; readonly ttlMs: number },
  ): Promise<number | null>;
  releaseLease(leaseId: string): Promise<void>;
}

/**
 * Token bucket as a queue of slots (GCRA): one row holds the time of the next free slot, a reservation moves it on by one slot's width
 * and waits for the one it took. Exact over any number of processes, and one statement a call. All clocks are the database's.
 */
export function createBudgetStore(db: Database): BudgetStore {
  return {
    async reserve(key, { ratePerSecond, lane, maxWaitMs }) {
      const patienceMs = lane === 'interactive' ? Math.max(maxWaitMs, INTERACTIVE_BACKLOG_MS) : maxWaitMs;
      const [row] = await db.execute<{ wait_ms: number; throttled: boolean }>(sql`
        insert into provider_budgets as budget (key, next_free_at)
        values (${key}, clock_timestamp() + ${1_000 / ratePerSecond} * interval '1 millisecond')
        on conflict (key) do update
          set next_free_at = greatest(budget.next_free_at, clock_timestamp() - ${CATCH_UP_MS} * interval '1 millisecond')
                             + interval '1 second' / ${effectiveRate(ratePerSecond)}
          where budget.next_free_at < clock_timestamp() + ${patienceMs} * interval '1 millisecond'
        returning greatest(0, extract(epoch from next_free_at - clock_timestamp()) * 1000 - 1000.0 / ${effectiveRate(ratePerSecond)})::float8 as wait_ms,
          coalesce(throttled_at > clock_timestamp() - ${CALM_AFTER_THROTTLE_MS} * interval '1 millisecond', false) as throttled`);
      if (row === undefined) return { granted: false, retryAfterMs: await backlogMs(key) };
      const mayOvertake = lane === 'interactive' && !row.throttled;
      const waitMs = mayOvertake && row.wait_ms <= INTERACTIVE_BACKLOG_MS ? 0 : Math.ceil(row.wait_ms);
      return { granted: true, waitMs };
    },

    async throttle(key, { ratePerSecond, pauseMs }) {
      // Calls in flight together are refused together: they count as one refusal.
      await db.execute(sql`
        update provider_budgets as budget
        set next_free_at = greatest(budget.next_free_at, clock_timestamp() + ${pauseMs} * interval '1 millisecond'),
            throttled_rate_per_second = case when ${recentlyThrottled} then budget.throttled_rate_per_second
              else greatest(1, ${effectiveRate(ratePerSecond)} * ${THROTTLE_FACTOR}::float8) end,
            throttled_at = case when ${recentlyThrottled} then budget.throttled_at else clock_timestamp() end
        where key = ${key}`);
    },

    acquireLease(key, { holder, slots, maxSlots, ttlMs, task }) {
      return db.transaction(async (tx) => {
        await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`lease/${key}`}, 0))`);
        await tx.execute(
          sql`delete from provider_leases where key = ${key} and (expires_at < clock_timestamp() or holder = ${holder})`,
        );
        const [used] = await tx.execute<{ slots: number }>(
          sql`select coalesce(sum(slots), 0)::int as slots from provider_leases where key = ${key}`,
        );
        const granted = Math.min(slots, maxSlots - (used?.slots ?? 0));
        if (granted < 1) return null;
        const id = uuidv7();
        await tx.execute(sql`
          insert into provider_leases (id, key, holder, slots, expires_at, worker_key, task_token)
          values (${id}, ${key}, ${holder}, ${granted}, clock_timestamp() + ${ttlMs} * interval '1 millisecond', ${task?.workerKey ?? null}, ${task?.token ?? null})`);
        return { id, slots: granted };
      });
    },

    renewLease: (leaseId, request) => db.transaction((tx) => renew(tx, leaseId, request)),

    async releaseLease(leaseId) {
      await db.execute(sql`delete from provider_leases where id = ${leaseId}`);
    },
  };

  async function backlogMs(key: string): Promise<number> {
    const [row] = await db.execute<{ backlog_ms: number }>(
      sql`select greatest(1000, extract(epoch from next_free_at - clock_timestamp()) * 1000)::float8 as backlog_ms from provider_budgets where key = ${key}`,
    );
    return Math.ceil(row?.backlog_ms ?? 1_000);
  }
}

type Renewal = Parameters<BudgetStore['renewLease']>[1];

async function renew(tx: Transaction, leaseId: string, { slots, maxSlots, ttlMs }: Renewal): Promise<number | null> {
  const [mine] = await tx.execute<{ key: string }>(sql`select key from provider_leases where id = ${leaseId}`);
  if (!mine) return null;
  await tx.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`lease/${mine.key}`}, 0))`);
  const [renewed] = await tx.execute<{ slots: number }>(sql`
    with others as (
      select count(*)::int as leases, coalesce(sum(slots), 0)::int as slots, min(slots) as fewest
      from provider_leases where key = ${mine.key} and id <> ${leaseId} and expires_at >= clock_timestamp())
    update provider_leases l
    set expires_at = clock_timestamp() + ${ttlMs} * interval '1 millisecond',
        slots = greatest(1, least(${slots}, ${maxSlots} - o.slots - sign(o.leases)::int,
          case when o.fewest < ${maxSlots} / (o.leases + 1) then ${maxSlots} / (o.leases + 1) else ${slots} end))
    from others o where l.id = ${leaseId} returning l.slots`);
  return renewed?.slots ?? null;
}

const recentlyThrottled = sql`coalesce(budget.throttled_at > clock_timestamp() - interval '1 second', false)`;

/** The full rate, or what the last 429 left of it and time has given back since. The row is `budget`. */
export function effectiveRate(ratePerSecond: number) {
  return sql`least(${ratePerSecond}::float8, coalesce(
    budget.throttled_rate_per_second
      + ${ratePerSecond * RECOVERY_PER_SECOND}::float8 * extract(epoch from clock_timestamp() - budget.throttled_at),
    ${ratePerSecond}::float8))`;
}
