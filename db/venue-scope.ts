import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import type { VenueId } from '../contracts/ids.ts';

/** The non-owner role that every service connection takes on, so that row-level security binds it. Migrations create it. */
export const APPLICATION_ROLE = 'interlock_app';

export type Database = PostgresJsDatabase & { readonly $client: postgres.Sql };
export type Transaction = Parameters<Parameters<Database['transaction']>[0]>[0];

/** The venues a token reaches: ids, or all of them. */
export type VenueReach = readonly VenueId[] | '*';

export interface DatabaseOptions {
  readonly url: string;
  readonly maxConnections: number;
  /** Shown by `pg_stat_activity`. */
  readonly applicationName: string;
}

/** Opens a pool whose every connection has given up the login's own rights for the application role's. */
export function openDatabase({ url, maxConnections, applicationName }: DatabaseOptions): Database {
  const client = postgres(url, {
    max: maxConnections,
    connect_timeout: 10,
    connection: { application_name: applicationName, options: `-c role=${APPLICATION_ROLE}` },
    onnotice: () => undefined,
    // Seconds. The library's own goes up to twenty: too long a wait once the server is back.
    backoff: (retries) => Math.min(0.05 * 2 ** retries, MAX_RECONNECT_PAUSE_S),
  });
  abandonLostTransactions(client);
  return drizzle(client);
}

const MAX_RECONNECT_PAUSE_S = 1;

type TransactionWork = (tx: postgres.TransactionSql) => unknown;

/**
 * The library sends ROLLBACK also where the connection of the transaction is lost: to a socket that is gone, which ends the process, or
 * to one that by then belongs to another transaction (https://github.com/porsager/postgres/issues/1199, read 2026-11-21). Work that has
 * lost its connection is therefore never told to have ended; `begin` itself rejects as soon as the connection is closed.
 */
function abandonLostTransactions(client: postgres.Sql): void {
  const begin = client.begin.bind(client) as (work: TransactionWork) => Promise<unknown>;
  const safely = (work: TransactionWork) =>
    begin(async (tx) => {
      try {
        return await work(tx);
      } catch (error) {
        if (isConnectionLost(error)) return new Promise(() => undefined);
        throw error;
      }
    });
  client.begin = safely as typeof client.begin;
}

/** After these the socket is closed, by either side. 57P: the server is going down, https://www.postgresql.org/docs/18/errcodes-appendix.html (2026-11-21). */
const CONNECTION_LOST = /^(CONNECTION_(CLOSED|DESTROYED)|ECONNRESET|EPIPE|ETIMEDOUT|57P0[123])$/;

function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return ('code' in error && typeof error.code === 'string' && CONNECTION_LOST.test(error.code)) || isConnectionLost(error.cause);
}

/**
 * Runs `work` where row-level security sees exactly one venue.
 * Stores take a Transaction, and only this file makes one, so an unscoped query has nowhere to start.
 */
export function withVenue<T>(db: Database, venueId: VenueId, work: (tx: Transaction) => Promise<T>): Promise<T> {
  return db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('app.venue_id', ${venueId}, true), set_config('app.venues', ${venueId}, true)`);
    return work(tx);
  });
}

/** Runs `work` where the venues of a token are visible, and nothing inside them. */
export function withReach<T>(db: Database, reach: VenueReach, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const venues = reach === '*' ? '*' : reach.join(',');
  return db.transaction(async (tx) => {
    await tx.execute(sql`select set_config('app.venues', ${venues}, true)`);
    return work(tx);
  });
}
