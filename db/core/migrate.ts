import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import Postgrator from 'postgrator';
import postgres from 'postgres';

/** The table that records the applied migrations. */
export const MIGRATIONS_TABLE = 'interlock_migrations';

export interface MigrateOptions {
  /** URL of a login that owns the tables or may create them, and may create roles while `interlock_app` is missing. */
  readonly url: string;
  readonly log: (message: string) => void;
}

export interface MigrationStatus {
  /** Newest migration that the database has; 0 for none. */
  readonly version: number;
  /** Newest migration that this code knows. */
  readonly newest: number;
}

// An arbitrary number that nothing else in the database locks.
const MIGRATION_LOCK = 7_301_401;

/**
 * Migrates the database to the newest version and returns it. Safe to run from several processes at once. All migrations
 * of a new database are one transaction, because the library reads every file and every entry again for each call; later
 * ones are one each, so that none holds the locks of another. Throws when an applied file has changed since, or the
 * database is newer than this code.
 */
export async function migrateUp({ url, log }: MigrateOptions): Promise<number> {
  const { newest } = await readMigrations();
  return withConnection(url, async (sql) => {
    for (let version = 0; ;) {
      const before = version;
      version = await inLockedTransaction(sql, async (migrator) => {
        const current = await migrator.getDatabaseVersion();
        if (current > newest)
          throw new Error(
            `The database has migration ${current} and this code knows ${newest} at most: run newer code`,
          );
        const applied = await migrator.migrate(String(current === 0 ? newest : Math.min(current + 1, newest)));
        for (const migration of applied) log(`applied migration ${migration.version} (${migration.name})`);
        return current + applied.length;
      });
      if (version === newest) return version;
      if (version <= before) throw new Error(`Migration ${version + 1} has no .do.sql file`);
    }
  });
}

/** Undoes migrations in one transaction, newest first, until `to` is the newest; 0 undoes all. Their data is lost. */
export async function migrateDown({ url, to, log }: MigrateOptions & { readonly to: number }): Promise<number> {
  return withConnection(url, (sql) =>
    inLockedTransaction(sql, async (migrator, tx) => {
      const current = await migrator.getDatabaseVersion();
      const undone = current > to ? await migrator.migrate(String(to)) : [];
      for (const { version, name } of undone) log(`took back migration ${version} (${name})`);
      const left = Math.min(current, to);
      const missing = Array.from({ length: current - left }, (_, index) => current - index).find(
        (version, index) => undone[index]?.version !== version,
      );
      if (missing !== undefined) throw new Error(`Migration ${missing} has no .undo.sql file`);
      if (left === 0) await tx.unsafe(`drop table if exists ${MIGRATIONS_TABLE}`);
      return left;
    }),
  );
}

/** Reads the database's migration status. Changes nothing. */
export async function readMigrationStatus({ url }: Pick<MigrateOptions, 'url'>): Promise<MigrationStatus> {
  const { newest } = await readMigrations();
  return withConnection(url, async (sql) => ({ version: await createMigrator(sql).getDatabaseVersion(), newest }));
}

/** The newest migration that this code knows, and how many there are. */
export async function readMigrations(): Promise<{ readonly newest: number }> {
  const files = await createMigrator(null).getMigrations();
  const versions = files
    .filter(({ action }) => action === 'do')
    .map(({ version }) => version)
    .sort((a, b) => a - b);
  // Versions must have no gaps: two branches that both add a migration collide here and not in a database.
  if (versions.some((version, index) => version !== index + 1))
    throw new Error('The migrations in db/migrations are not numbered 1, 2, 3 …');
  return { newest: versions.length };
}

async function withConnection<T>(url: string, work: (sql: postgres.Sql) => Promise<T>): Promise<T> {
  const sql = postgres(url, {
    max: 1,
    connect_timeout: 10,
    connection: { application_name: 'interlock-migrations' },
    onnotice: () => undefined,
  });
  try {
    return await work(sql);
  } finally {
    await sql.end({ timeout: 5 }).catch(() => undefined);
  }
}

function inLockedTransaction<T>(
  sql: postgres.Sql,
  work: (migrator: Postgrator, tx: postgres.TransactionSql) => Promise<T>,
) {
  return sql.begin(async (tx) => {
    await tx`select pg_advisory_xact_lock(${MIGRATION_LOCK})`;
    return work(createMigrator(tx), tx);
  }) as Promise<T>;
}

function createMigrator(sql: postgres.Sql | postgres.TransactionSql | null): Postgrator {
  const folder = fileURLToPath(new URL('../migrations/', import.meta.url));
  return new Postgrator({
    driver: 'pg',
    schemaTable: MIGRATIONS_TABLE,
    // The library takes a glob, so special characters in the folder's name are escaped.
    migrationPattern: `${folder
      .split(sep)
      .join('/')
      .replace(/[?*()[\]{}]/g, '[$&]')}*.sql`,
    newline: 'LF',
    execQuery: async (query) => {
      if (!sql) throw new Error('Reading the migration files needs no database');
      return { rows: await sql.unsafe(query) };
    },
  });
}
