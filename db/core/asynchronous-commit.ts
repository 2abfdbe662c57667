import { sql } from 'drizzle-orm';

/**
 * An expression that has its transaction end without waiting for the disk. A crash of the server can forget the last
 * 0.6 s of such transactions, each as a whole; any later commit that waits makes them durable too
 * (https://www.postgresql.org/docs/18/wal-async-commit.html, read 2026-11-29). So it is for what may be done again.
 */
export const ASYNCHRONOUS_COMMIT = sql`set_config('synchronous_commit', 'off', true)`;
