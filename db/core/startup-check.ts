import { sql } from 'drizzle-orm';
import { MIGRATIONS_TABLE, readMigrations } from './migrate.ts';
import type { Database } from './venue-scope.ts';

interface RoleFacts extends Record<string, unknown> {
  /** A role that the login has or may take on. */
  readonly role: string;
  readonly is_login: boolean;
  readonly superuser: boolean;
  readonly bypasses: boolean;
  readonly owned: string | null;
  readonly reaches_server: boolean;
}

/**
 * Throws with a remedy when row-level security does not bind this connection, or when the database lacks a migration
 * that this code needs. Every service calls it before it serves. Checks the login and every role that it may take on,
 * not just the current one, because an injected expression such as `set_config('role', …)` leads back to the login.
 */
export async function checkDatabase(db: Pick<Database, 'execute'>): Promise<void> {
  const roles = await db.execute<RoleFacts>(sql`
    select rolname as role, rolname = session_user as is_login, rolsuper as superuser, rolbypassrls as bypasses,
      (select min(relname) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relowner = pg_roles.oid) as owned,
      rolname in ('pg_execute_server_program', 'pg_read_server_files', 'pg_write_server_files') as reaches_server
    from pg_roles
    where rolname in (session_user, current_user) or pg_has_role(session_user, oid, 'member')
    order by is_login desc, rolname = current_user desc, rolname`);
  if (!roles.some(({ is_login: isLogin }) => isLogin))
    throw new Error('The database does not know the login of this connection');
  for (const facts of roles) refuseUnbound(facts);

  const [table] = await db.execute<{ migrated: boolean }>(
    sql`select to_regclass(${MIGRATIONS_TABLE}) is not null as migrated`,
  );
  const { newest } = await readMigrations();
  const [row] = table?.migrated
    ? await db.execute<{ version: string }>(
        sql`select max(version) as version from ${sql.identifier(MIGRATIONS_TABLE)}`,
      )
    : [];
  const version = Number(row?.version ?? 0);
  if (version < newest)
    throw new Error(`The database has migration ${version} and this code needs ${newest}: run "node db/main.ts up"`);
}

const NEEDED =
  'connect as a login that owns nothing and may only become interlock_app (docs/operations/deployment.md, Postgres logins)';

function refuseUnbound({
  role,
  is_login: isLogin,
  superuser,
  bypasses,
  owned,
  reaches_server: reachesServer,
}: RoleFacts): void {
  const who = isLogin ? `The database login "${role}"` : `The database role "${role}", which this login may become,`;
  if (superuser) throw new Error(`${who} is a superuser, which row-level security does not bind: ${NEEDED}`);
  if (bypasses) throw new Error(`${who} has BYPASSRLS: ${NEEDED}`);
  if (owned !== null)
    throw new Error(`${who} owns the table "${owned}", so row-level security does not bind it: ${NEEDED}`);
  if (reachesServer) throw new Error(`${who} reaches files or programs of the server: ${NEEDED}`);
}
