import type postgres from 'postgres';
import { MIGRATIONS_TABLE } from '../../../db/core/migrate.ts';

/**
 * The content of a database as sorted lines, one per object, in Postgres' own notation. Two databases with equal lines
 * behave alike.
 */
export async function readCatalogue(sql: postgres.Sql): Promise<readonly string[]> {
  const rows = await sql<{ line: string }[]>`
    with tables as (
      select c.* from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relname <> ${MIGRATIONS_TABLE} and c.relname <> ${`${MIGRATIONS_TABLE}_pkey`}
    )
    select concat_ws(' ', 'relation', relname, relkind, 'rls', relrowsecurity, 'forced', relforcerowsecurity) as line from tables
    union all
    select concat_ws(' ', 'column', t.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then 'not null' else 'null' end, 'default', coalesce(pg_get_expr(d.adbin, d.adrelid), 'none'))
      from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
      left join pg_attrdef d on d.adrelid = t.oid and d.adnum = a.attnum where t.relkind = 'r'
    union all
    select concat_ws(' ', 'index', i.indrelid::regclass, pg_get_indexdef(i.indexrelid)) from pg_index i join tables t on t.oid = i.indrelid
    union all
    select concat_ws(' ', 'constraint', t.relname, c.conname, pg_get_constraintdef(c.oid)) from pg_constraint c join tables t on t.oid = c.conrelid
    union all
    select concat_ws(' ', 'policy', tablename, policyname, permissive, array_to_string(roles, ','), cmd, 'using', qual, 'check', with_check)
      from pg_policies where schemaname = 'public'
    order by line`;
  return rows.map((row) => row.line);
}

/** Privileges of the application role, one sorted line each. */
export async function readGrants(sql: postgres.Sql): Promise<readonly string[]> {
  const rows = await sql<{ line: string }[]>`
    select concat_ws(' ', c.relname, a.privilege_type) as line
      from pg_class c join pg_namespace n on n.oid = c.relnamespace and n.nspname = 'public', aclexplode(c.relacl) a
      where a.grantee = 'interlock_app'::regrole
    union all
    select concat_ws(' ', 'schema', n.nspname, a.privilege_type) from pg_namespace n, aclexplode(n.nspacl) a where a.grantee = 'interlock_app'::regrole
    order by line`;
  return rows.map((row) => row.line);
}
