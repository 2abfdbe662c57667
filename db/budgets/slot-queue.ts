import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { ASYNCHRONOUS_COMMIT } from '../core/asynchronous-commit.ts';
import { runPrepared, statement } from '../core/statement.ts';
import type { Operand } from '../core/statement.ts';
import type { Database, Transaction } from '../core/venue-scope.ts';

/**
 * A late caller may use slots up to this far in the past, so that short gaps between calls do not lower the rate. The
 * first caller of an account is late too.
 */
const CATCH_UP_MS = 200;
/** An interactive call goes at once while no more than this much work is waiting. */
const INTERACTIVE_BACKLOG_MS = 2_000;
/** Time after a 429 in which no call overtakes, because the provider has just asked for less. */
const CALM_AFTER_THROTTLE_MS = 5_000;
/** Applies even to a call that must pass. */
const LONGEST_PATIENCE_MS = 86_400_000;
/** Share of the full rate that comes back each second after a 429. */
const RECOVERY_PER_SECOND = 0.05;

export interface SlotRequest {
  readonly ratePerSecond: number;
  readonly lane: 'interactive' | 'bulk';
  readonly maxWaitMs: number;
}

interface Refusal {
  readonly granted: false;
  readonly retryAfterMs: number;
}

export type Slot = { readonly granted: true; readonly waitMs: number } | Refusal;
export type Slots = { readonly granted: true; readonly dueInMs: readonly number[]; readonly slotMs: number } | Refusal;

/** Reserves the next free slot of a key, in a transaction of its own. */
export async function reserveSlot(db: Database, key: string, request: SlotRequest): Promise<Slot> {
  const row = await reserve(db, key, { ...request, slots: 1 });
  return row ? toSlot(request, row) : { granted: false, retryAfterMs: await backlogMs(db, key) };
}

/** As `reserveSlot`, the next free slots of a caller that waits for each of them. */
export async function reserveSlots(
  db: Database,
  key: string,
  request: SlotRequest & { readonly slots: number },
): Promise<Slots> {
  const row = await reserve(db, key, request);
  if (!row) return { granted: false, retryAfterMs: await backlogMs(db, key) };
  const { due_in_ms: firstInMs, slot_ms: slotMs } = row;
  return {
    granted: true,
    dueInMs: Array.from({ length: request.slots }, (_, index) => firstInMs + index * slotMs),
    slotMs,
  };
}

/**
 * Every call of an interactive session to a provider passes here, and those of others share it: it is planned and built
 * once. Its commit does not wait for the disk: every call to the account waits for its turn at the row, and the slots that
 * a crash of the server forgets are over before it is back.
 */
async function reserve(
  db: Database,
  key: string,
  request: SlotRequest & { readonly slots: number },
): Promise<ReservedRow | undefined> {
  const { ratePerSecond, slots } = request;
  const [row] = await runPrepared(db.$client, RESERVE, {
    ...{ key, ratePerSecond, slots, slotMs: 1_000 / ratePerSecond, patienceMs: patienceMs(request) },
  });
  return row;
}

/** As `reserveSlot`, within a transaction that does more. */
export async function reserveSlotIn(tx: Transaction, key: string, request: SlotRequest): Promise<Slot> {
  const { ratePerSecond } = request;
  const slotMs = 1_000 / ratePerSecond;
  const [row] = await tx.execute<ReservedRow>(
    reservation({ key, ratePerSecond, slotMs, slots: 1, patienceMs: patienceMs(request) }, sql`null`),
  );
  return row ? toSlot(request, row) : { granted: false, retryAfterMs: await backlogMs(tx, key) };
}

const patienceMs = ({ lane, maxWaitMs }: SlotRequest): number =>
  Math.min(LONGEST_PATIENCE_MS, lane === 'interactive' ? Math.max(maxWaitMs, INTERACTIVE_BACKLOG_MS) : maxWaitMs);

function toSlot({ lane }: SlotRequest, row: ReservedRow): Slot {
  const mayOvertake = lane === 'interactive' && !row.throttled;
  const waitMs = mayOvertake && row.due_in_ms <= INTERACTIVE_BACKLOG_MS ? 0 : Math.max(0, Math.ceil(row.due_in_ms));
  return { granted: true, waitMs };
}

interface ReservedRow extends Record<string, unknown> {
  /** Of the first slot; below 0 when it is in the past. */
  readonly due_in_ms: number;
  /** Width of a slot at the present rate. */
  readonly slot_ms: number;
  readonly throttled: boolean;
}

interface Reservation {
  readonly key: Operand<string>;
  readonly ratePerSecond: Operand<number>;
  /** Width of a slot at the full rate. */
  readonly slotMs: Operand<number>;
  readonly slots: Operand<number>;
  readonly patienceMs: Operand<number>;
}

const reservation = ({ key, ratePerSecond, slotMs, slots, patienceMs }: Reservation, commitsBy: SQL): SQL => sql`
    with committing as materialized (select ${commitsBy})
    insert into provider_budgets as budget (key, next_free_at)
    select ${key}, clock_timestamp() + (${slotMs}::float8 * ${slots}::float8 - ${CATCH_UP_MS}::float8) * interval '1 millisecond' from committing
    on conflict (key) do update
      set next_free_at = greatest(budget.next_free_at, clock_timestamp() - ${CATCH_UP_MS} * interval '1 millisecond')
                         + interval '1 second' * ${slots}::float8 / ${effectiveRate(ratePerSecond)}
      where budget.next_free_at < clock_timestamp() + ${patienceMs} * interval '1 millisecond'
    returning (extract(epoch from next_free_at - clock_timestamp()) * 1000 - 1000.0 * ${slots}::float8 / ${effectiveRate(ratePerSecond)})::float8 as due_in_ms,
      (1000.0 / ${effectiveRate(ratePerSecond)})::float8 as slot_ms,
      coalesce(throttled_at > clock_timestamp() - ${CALM_AFTER_THROTTLE_MS} * interval '1 millisecond', false) as throttled`;

const RESERVE = statement<ReservedRow>(
  reservation(
    {
      ...{ key: sql.placeholder('key'), ratePerSecond: sql.placeholder('ratePerSecond') },
      ...{ slotMs: sql.placeholder('slotMs'), slots: sql.placeholder('slots') },
      patienceMs: sql.placeholder('patienceMs'),
    },
    ASYNCHRONOUS_COMMIT,
  ),
);

async function backlogMs(db: Pick<Database, 'execute'>, key: string): Promise<number> {
  const [row] = await db.execute<{ backlog_ms: number }>(
    sql`select greatest(1000, extract(epoch from next_free_at - clock_timestamp()) * 1000)::float8 as backlog_ms from provider_budgets where key = ${key}`,
  );
  return Math.ceil(row?.backlog_ms ?? 1_000);
}

/** The full rate, or the rate after the last 429 plus what has recovered since. The row is `budget`. */
export function effectiveRate(ratePerSecond: Operand<number>): SQL {
  return sql`least(${ratePerSecond}::float8, coalesce(
    budget.throttled_rate_per_second
      + ${ratePerSecond}::float8 * ${RECOVERY_PER_SECOND}::float8 * extract(epoch from clock_timestamp() - budget.throttled_at),
    ${ratePerSecond}::float8))`;
}
