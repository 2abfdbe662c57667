import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { VenueId } from '../../contracts/ids.ts';
import { codesOf } from '../../domain/errors/error-codes.ts';
import { VenueShares } from '../../domain/limits/venue-shares.ts';
import { guardTransactions, isConnectionLost } from './lost-connections.ts';
import { ReadConnections } from './read-connections.ts';
import { ScopedConnections, venueScope } from './scoped-connections.ts';
import type { Scope } from './scoped-connections.ts';
import { APPLICATION_ROLE } from './service-login.ts';
import { run } from './statement.ts';
import type { Execution } from './statement.ts';
import { VenueBusyError } from './venue-busy-error.ts';

export type Database = PostgresJsDatabase & {
  readonly $client: postgres.Sql;
  readonly reads: ReadConnections;
  readonly writes: ScopedConnections;
  readonly venueShares: VenueShares<string>;
  /** As it was opened. */
  readonly keepsPlans: boolean;
};
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];

/** The venues a token reaches: ids, or all of them. */
export type VenueReach = readonly VenueId[] | '*';

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
  /** Further connections, for reads alone, which take one round trip on them; without it, none. */
  readonly readConnections?: number;
  /** Further connections, for small writes, which take one round trip on them; without it, none. They keep plans. */
  readonly writeConnections?: number;
  /** Shown by `pg_stat_activity`. */
  readonly applicationName: string;
  /** Connections that one venue may use at a time; all of them when left out. */
  readonly connectionsPerVenue?: number;
  readonly timeouts?: Partial<DatabaseTimeouts>;
  /**
   * Keeps its session as long as the server allows, so that a planned reconnection does not lose what depends on it,
   * such as an advisory lock.
   */
  readonly keepsSession?: boolean;
  /**
   * For connections whose statements are the same each time and look rows up by an index: Postgres plans each once per
   * connection, which otherwise takes a third of its time for a few rows.
   */
  readonly keepsPlans?: boolean;
}

/** How long a connection may block others. After each limit the server ends the statement or the session. */
export interface DatabaseTimeouts {
  /** Time to wait for one lock. */
  readonly lockMs: number;
  readonly statementMs: number;
  /** Time between two statements of a transaction. */
  readonly idleInTransactionMs: number;
}

const TIMEOUTS: DatabaseTimeouts = { lockMs: 10_000, statementMs: 120_000, idleInTransactionMs: 60_000 };

/** Opens a pool whose connections all switch from the login's rights to the application role's. */
export function openDatabase({
  url,
  maxConnections,
  readConnections = 0,
  writeConnections = 0,
  applicationName,
  connectionsPerVenue = maxConnections,
  timeouts,
  keepsSession = false,
  keepsPlans = false,
}: DatabaseOptions): Database {
  const { lockMs, statementMs, idleInTransactionMs } = { ...TIMEOUTS, ...timeouts };
  const limits = `-c lock_timeout=${lockMs} -c statement_timeout=${statementMs} -c idle_in_transaction_session_timeout=${idleInTransactionMs}`;
  const optionsWith = (planning: string) => ({
    connect_timeout: 10,
    connection: {
      application_name: applicationName,
      options: `-c role=${APPLICATION_ROLE} ${planning} ${limits}${keepsSession ? SHORT_KEEPALIVE : ''}`,
    },
    ...(keepsSession && { max_lifetime: null }),
    onnotice: () => undefined,
    // Off, because the request runs on every new connection and nothing handles its failure: a server that goes down at
    // that moment would end the process.
    fetch_types: false,
    // Seconds. The library's own goes up to twenty: too long a wait once the server is back.
    backoff: (retries: number) => Math.min(0.05 * 2 ** retries, MAX_RECONNECT_PAUSE_S),
  });
  const options = optionsWith(keepsPlans ? KEPT_PLANS : PLANNING);
  const client = postgres(url, { ...options, max: maxConnections });
  guardTransactions(client);
  // Drizzle changes how the driver reads times: these connections have to read them alike.
  const single = (count: number, of: typeof options) =>
    Array.from({ length: count }, () => drizzle(postgres(url, { ...of, max: 1 })).$client);
  const reads = new ReadConnections(single(readConnections, options));
  const writes = new ScopedConnections(single(writeConnections, optionsWith(KEPT_PLANS)));
  endTogether(client, [reads, writes]);
  // The pool itself lets wait whoever finds all connections taken.
  return Object.assign(drizzle(client), {
    reads,
    writes,
    venueShares: new VenueShares<string>({ total: Infinity, perVenue: connectionsPerVenue }),
    keepsPlans,
  });
}

/** Ends the connections for reads and small writes with the pool. */
function endTogether(client: postgres.Sql, others: readonly Pick<ReadConnections, 'end'>[]): void {
  const end = client.end.bind(client);
  client.end = async (options) => {
    await Promise.all([end(options), ...others.map((one) => one.end(options))]);
  };
}

/** Compiling a statement takes longer than any of ours. A plan is made for the values at hand, also for a prepared statement: lists differ in length. */
const PLANNING = '-c jit=off -c plan_cache_mode=force_custom_plan';
/**
 * A plan that is kept must not depend on how full the tables were when it was made: on an empty one, a sequential scan is
 * the cheapest, and would stay in use until autovacuum has looked at the table.
 */
const KEPT_PLANS =
  '-c jit=off -c plan_cache_mode=force_generic_plan -c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off';
/** The server notices a machine that disappeared after 11 s and ends its session. */
const SHORT_KEEPALIVE = ' -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3';

const MAX_RECONNECT_PAUSE_S = 1;

/**
 * Runs `work` where row-level security shows exactly one venue. Stores take a Transaction, which only this file
 * creates, so no query can run unscoped. Throws VenueBusyError when the venue's share of the pool stays in use for too
 * long. Do not nest: the inner call would wait for the outer one.
 */
export async function withVenue<T>(db: Database, venueId: VenueId, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return withShare(db, venueId, () =>
    db.transaction(async (tx) => {
      // The first statement of the work is sent without waiting: when this one fails, that one fails too.
      const [, result] = await together(moveToVenue(tx, venueId), work(tx));
      return result;
    }),
  );
}

/**
 * Lets row-level security show exactly this venue for the rest of the transaction, or until the next call. For the
 * effects of an event, which are stored for all venues in the transaction that marks it.
 */
export async function moveToVenue(tx: Transaction, venueId: VenueId): Promise<void> {
  await tx
    .execute(sql`select set_config('app.venue_id', ${venueId}, true), set_config('app.venues', ${venueId}, true)`)
    .execute();
}

/**
 * Runs one statement where row-level security sees exactly one venue, as `withVenue` does. For reads. Takes one of the
 * connections for reads if one is idle, and repeats a read whose connection was lost.
 */
export function readVenue<Row>(db: Database, venueId: VenueId, execution: Execution<Row>): Promise<readonly Row[]> {
  return withShare(db, venueId, async () => {
    try {
      const rows = await db.reads.tryRead(venueId, execution);
      if (rows !== null) return rows;
    } catch (error) {
      if (!isConnectionLost(error)) throw error;
    }
    return runInPool(db, venueScope(VENUE_SCOPE, venueId), { last: execution });
  });
}

/** A small write: `ahead` runs first, in the same transaction. */
export interface SmallWrite<Row> {
  readonly ahead?: readonly Execution<unknown>[];
  readonly last: Execution<Row>;
}

/**
 * Runs a few statements that do not depend on one another's rows, where row-level security sees exactly one venue, and
 * returns the rows of the last. Takes one round trip if one of the connections for small writes is idle. A write whose
 * connection was lost is repeated, although it may have been committed: it must be one that may be done twice.
 */
export function writeVenue<Row>(db: Database, venueId: VenueId, write: SmallWrite<Row>): Promise<readonly Row[]> {
  return withShare(db, venueId, () => writeScoped(db, venueScope(VENUE_SCOPE, venueId), write));
}
const VENUE_SCOPE = "select set_config('app.venue_id', $1, true), set_config('app.venues', $1, true)";

/** Like `writeVenue`, where one caller's stored answers are visible, and nothing else. */
export function writeCaller<Row>(db: Database, caller: string, write: SmallWrite<Row>): Promise<readonly Row[]> {
  return writeScoped(db, { text: CALLER_SCOPE, parameters: [caller] }, write);
}
const CALLER_SCOPE = "select set_config('app.caller', $1, true)";

/** Like `writeVenue`, where the stored answers of one caller are visible as well. */
export function writeCallerInVenue<Row>(
  db: Database,
  { caller, venueId }: { readonly caller: string; readonly venueId: VenueId },
  write: SmallWrite<Row>,
): Promise<readonly Row[]> {
  const { text, parameters } = venueScope(CALLER_IN_VENUE_SCOPE, venueId);
  return withShare(db, venueId, () => writeScoped(db, { text, parameters: [...parameters, caller] }, write));
}
const CALLER_IN_VENUE_SCOPE = `${VENUE_SCOPE}, set_config('app.caller', $2, true)`;

async function writeScoped<Row>(db: Database, scope: Scope, write: SmallWrite<Row>): Promise<readonly Row[]> {
  try {
    const rows = await db.writes.tryRun(scope, write.last, write.ahead);
    if (rows !== null) return rows;
  } catch (error) {
    if (!isConnectionLost(error)) throw error;
  }
  return runInPool(db, scope, write);
}

/** In a transaction of the pool, of which all statements are sent without waiting for one another. */
async function runInPool<Row>(
  db: Database,
  scope: Scope,
  { ahead = [], last }: SmallWrite<Row>,
): Promise<readonly Row[]> {
  const results = await db.$client.begin((tx) =>
    together(
      tx.unsafe(scope.text, [...scope.parameters]).execute(),
      ...ahead.map((one) => execute(tx, one)),
      execute(tx, last),
    ),
  );
  return results.at(-1) as readonly Row[];
}

const execute = <Row>(tx: postgres.TransactionSql, { statement, values }: Execution<Row>) => run(tx, statement, values);

/** Waits for one of the connections that the owner may use at a time. */
async function withShare<T>(db: Database, owner: string, work: () => Promise<T>): Promise<T> {
  const release = await db.venueShares.take(owner, MAX_WAIT_FOR_SHARE_MS);
  if (!release) throw new VenueBusyError();
  try {
    return await work();
  } finally {
    release();
  }
}

const MAX_WAIT_FOR_SHARE_MS = 10_000;

/** Lifts the time limits for a transaction that receives a load of any size as slowly as its sender sends it. */
export async function allowLongTransaction(tx: Transaction): Promise<void> {
  await tx.execute(
    sql`select set_config('statement_timeout', ${LONG_MS}, true), set_config('idle_in_transaction_session_timeout', ${LONG_MS}, true)`,
  );
}

const LONG_MS = '600000';

/**
 * Runs `work` where the venues of a token are visible, but nothing inside them. Tokens of the same reach share one part
 * of the pool, those of one venue the venue's. Throws VenueBusyError like `withVenue`.
 */
export function withReach<T>(db: Database, reach: VenueReach, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const venues = reach === '*' ? '*' : reach.join(',');
  return withShare(db, venues, () =>
    db.transaction(async (tx) => {
      await tx.execute(sql`select set_config('app.venues', ${venues}, true)`);
      return work(tx);
    }),
  );
}

/**
 * Waits for statements of one transaction that were sent without waiting for each other. Returns only after all have
 * ended, even after a failure, because nothing may reach the connection after its ROLLBACK. Throws the failure that
 * aborted the transaction, which all later statements then fail with too.
 */
export async function together<Results extends readonly unknown[]>(
  ...statements: { readonly [Index in keyof Results]: Promise<Results[Index]> }
): Promise<Results> {
  // A query of Drizzle runs each time that it is awaited.
  const begun = statements.map((one) => Promise.resolve(one));
  const ended = await Promise.allSettled(begun);
  const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []));
  const cause = failures.find((failure) => !codesOf(failure).includes(ABORTED)) ?? failures[0];
  if (failures.length > 0) throw cause;
  return (await Promise.all(begun)) as unknown as Results;
}

/** in_failed_sql_transaction, https://www.postgresql.org/docs/18/errcodes-appendix.html (2025-09-25). */
const ABORTED = '25P02';
