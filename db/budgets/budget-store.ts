import { sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { CALL_CLASS_MARK } from '../../contracts/providers.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';
import { createQuotaStore } from './quota-store.ts';
import type { QuotaStore } from './quota-store.ts';
import { effectiveRate, reserveSlot, reserveSlots } from './slot-queue.ts';
import type { Slot, SlotRequest, Slots } from './slot-queue.ts';

/** Factor by which a 429 cuts the rate. */
const THROTTLE_FACTOR = 0.7;

export interface BudgetReservation extends SlotRequest {
  /** The pace shared by the accounts of an app, whose keys have this prefix. */
  readonly app?: { readonly keyPrefix: string; readonly ratePerSecond: number } | undefined;
}

/** How long an account counts as active after its last call. */
const ACTIVE_FOR_S = 10;

export interface LeaseRequest {
  readonly holder: string;
  readonly slots: number;
  readonly maxSlots: number;
  readonly ttlMs: number;
  readonly task?: LeasedTask | undefined;
}

/** The activity attempt that uses a lease, and its worker process. */
export interface LeasedTask {
  /** As `WorkerPresence` gives it. */
  readonly workerKey: number;
  /** Temporal's token of the attempt, as base64. */
  readonly token: string;
}

export interface BudgetStore extends QuotaStore {
  reserve(key: string, request: BudgetReservation): Promise<Slot>;
  reserveMany(key: string, request: BudgetReservation & { readonly slots: number }): Promise<Slots>;
  throttle(key: string, cut: { readonly ratePerSecond: number; readonly pauseMs: number }): Promise<void>;
  acquireLease(key: string, request: LeaseRequest): Promise<{ id: string; slots: number } | null>;
  renewLease(
    leaseId: string,
    request: { readonly slots: number; readonly maxSlots: number; readonly ttlMs: number },
  ): Promise<number | null>;
  releaseLease(leaseId: string): Promise<void>;
}

/**
 * Token bucket as a queue of slots (GCRA): one row holds the time of the next free slot; a reservation advances it by
 * the width of its slots and waits for those it took. Exact across processes, with one statement per reservation. All times are
 * by the database's clock.
 */
export function createBudgetStore(db: Database): BudgetStore {
  return {
    ...createQuotaStore(db),

    async reserve(key, request) {
      return reserveSlot(db, key, { ...request, ratePerSecond: await rateOf(key, request) });
    },

    async reserveMany(key, request) {
      return reserveSlots(db, key, { ...request, ratePerSecond: await rateOf(key, request) });
    },

    async throttle(key, { ratePerSecond, pauseMs }) {
      // Concurrent calls are refused together, so they count as one refusal.
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

  async function rateOf(key: string, { ratePerSecond, app }: BudgetReservation): Promise<number> {
    if (!app) return ratePerSecond;
    return Math.min(ratePerSecond, app.ratePerSecond / (await activeAccounts(key, app.keyPrefix)));
  }

  /** Number of accounts that call at the moment, including this one. */
  async function activeAccounts(key: string, keyPrefix: string): Promise<number> {
    const [row] = await db.execute<{ others: number }>(sql`
      select count(*)::int as others from provider_budgets where starts_with(key, ${keyPrefix}) and key <> ${key}
        and strpos(key, ${CALL_CLASS_MARK}) = 0
        and next_free_at > clock_timestamp() - ${ACTIVE_FOR_S} * interval '1 second'`);
    return 1 + (row?.others ?? 0);
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
