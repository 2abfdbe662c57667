import type postgres from 'postgres';

/** Each has 16 MB, so that all parts of the benchmark together fill fewer before the next checkpoint. */
const FILES = 48;

/**
 * Has Postgres write its log into files that are there, as a server does that has run for a while. A new server makes
 * each file, fills it with zeros and waits for the disk, while all that is being acknowledged waits for it: some 50 ms
 * for every 7,000 events (https://www.postgresql.org/docs/18/wal-configuration.html, read 2026-11-29).
 */
export async function reuseLogFiles(sql: postgres.Sql): Promise<void> {
  await sql`alter system set min_wal_size = '1GB'`;
  await sql`select pg_reload_conf()`;
  for (let made = 0; made < FILES; made += 1) {
    // A file in which nothing was written is not left.
    await sql`select pg_logical_emit_message(false, 'bench', '')`;
    await sql`select pg_switch_wal()`;
  }
  // From now on earlier files are renamed for later use.
  await sql`checkpoint`;
}
