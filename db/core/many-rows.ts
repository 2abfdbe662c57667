import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { together } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

/**
 * Runs a statement that writes many rows. Postgres checks each foreign key of each row by a query of its own, whose plan
 * it keeps, but under our `force_custom_plan` it would plan that query anew for every row: a quarter of the time of
 * storing a page. The statement itself may get a plan for all values too, so it has to find rows by their keys.
 */
export async function writeMany<Row extends Record<string, unknown>>(
  tx: Transaction,
  statement: SQL,
): Promise<readonly Row[]> {
  if (KEEPING.has(tx)) return (await tx.execute<Row>(statement)) as unknown as readonly Row[];
  const [, rows] = await together(
    // Each is sent without waiting for the one before.
    tx.execute(KEEP_PLANS).execute(),
    tx.execute<Row>(statement).execute(),
    tx.execute(PLAN_ANEW).execute(),
  );
  return rows as unknown as readonly Row[];
}

/** Transactions of connections that keep every plan. */
const KEEPING = new WeakSet<Transaction>();

/** As `db.transaction`. Where the database keeps plans, `writeMany` has nothing to ask for, which are two statements each time. */
export const transactionOf = <Result>(db: Database, work: (tx: Transaction) => Promise<Result>): Promise<Result> =>
  db.transaction((tx) => {
    if (db.keepsPlans) KEEPING.add(tx);
    return work(tx);
  });

/** Leaves a transaction alone that keeps all its plans, such as one under a savepoint in a batch of events. */
const KEEP_PLANS = sql`
  select set_config('plan_cache_mode', 'auto', true) where current_setting('plan_cache_mode') = 'force_custom_plan'`;
/** As `openDatabase` sets it. */
const PLAN_ANEW = sql`
  select set_config('plan_cache_mode', 'force_custom_plan', true) where current_setting('plan_cache_mode') = 'auto'`;
