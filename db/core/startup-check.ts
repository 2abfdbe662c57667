import { sql } from 'drizzle-orm';
import { MIGRATIONS_TABLE, readMigrations } from './migrate.ts';
import type { Database } from './venue-scope.ts';

interface RoleFacts extends Record<string, unknown> {
  readonly role: string;
  readonly superuser: boolean;
  readonly bypasses: boolean;
  readonly owned: string | null;
  readonly migrated: boolean;
}

/**
 * Throws, with what to do, when this connection's role is one that row-level security does not bind,
 * or when the database lacks a migration that this code needs. Every service calls it before it serves.
 */
export async function checkDatabase(db: Pick<Database, 'execute'>): Promise<void> {
  const [facts] = await db.execute<RoleFacts>(sql`
    select rolname as role, rolsuper as superuser, rolbypassrls as bypasses,
      (select min(relname) from pg_class where relrowsecurity and pg_has_role(pg_roles.oid, relowner, 'usage')) as owned,
      to_regclass(${MIGRATIONS_TABLE}) is not null as migrated
    from pg_roles where rolname = current_user`);
  if (!facts) throw new Error('The database does not know the role of this connection');
  if (facts.superuser)
    throw new Error(
      `The database role "${facts.role}" is a superuser, which row-level security does not bind: connect through openDatabase`,
    );
  if (facts.bypasses)
    throw new Error(
      `The database role "${facts.role}" has BYPASSRLS: take it away with "alter role ${facts.role} nobypassrls"`,
    );
  if (facts.owned !== null)
    throw new Error(
      `The database role "${facts.role}" owns the table "${facts.owned}", so row-level security does not bind it: let another role own the tables`,
    );

  const { newest } = await readMigrations();
  const [row] = facts.migrated
    ? await db.execute<{ version: string }>(
        sql`select max(version) as version from ${sql.identifier(MIGRATIONS_TABLE)}`,
      )
    : [];
  const version = Number(row?.version ?? 0);
  if (version < newest)
    throw new Error(`The database has migration ${version} and this code needs ${newest}: run "node db/main.ts up"`);
}
