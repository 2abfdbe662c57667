#!/usr/bin/env bash
# PostgreSQL 18.6: under a row-level security policy on the tenant, a look-up by primary key may read every row of the tenant. With 4,000 tenants of five
# rows and one of 20,000 that is newer than the statistics, three ids cost 20,000 rows; a prepared statement keeps the plan for the tenants after it.
#
# The policy adds tenant = current_setting(…), and the planner estimates that from the statistics of the column: five rows, which it thinks cheaper to read
# and filter than three descents in the index of the key. The more tenants are small, the worse for the large one. An analyze helps until the next large
# tenant comes, and does not help plans that were cached while a small tenant used the connection.
#
# What to do: keep no statistics of the column (alter table … alter column … set statistics 0, and pg_clear_attribute_stats, new in 18). Each tenant then
# counts as a two-hundredth of the table, and ids are looked up one by one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @electric-sql/pglite@0.5.14
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';

const db = await PGlite.create();
await db.exec(`
  create table things (id uuid primary key, tenant uuid not null, name text not null, unique (tenant, name));
  create role app;
  grant select on things to app;
  alter table things enable row level security;
  create policy own on things using (tenant = current_setting('app.tenant')::uuid);
  create table tenants as select gen_random_uuid() as id from generate_series(1, 4000);
  insert into things select gen_random_uuid(), t.id, 'thing ' || n from tenants t, generate_series(1, 5) n`);
const large = '00000000-0000-4000-8000-000000000000';
const BY_ID = 'select name from things where id = any ($1)';

/** How many rows of the table three ids cost the tenant. */
async function rowsRead(tenant) {
  const { rows } = await db.query('select id from things where tenant = $1 limit 3', [tenant]);
  const ids = `'{${rows.map(({ id }) => id).join(',')}}'`;
  await db.exec(`begin; select set_config('app.tenant', '${tenant}', true); set local role app`);
  const explained = await db.query(`explain (analyze, format json) ${BY_ID.replace('$1', ids)}`);
  await db.exec('rollback');
  const nodes = (node) => [node, ...(node.Plans ?? []).flatMap(nodes)];
  return Math.max(
    ...nodes(explained.rows[0]['QUERY PLAN'][0].Plan).map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)),
  );
}
const small = (await db.query('select id from tenants limit 1')).rows[0].id;
await db.exec('analyze things');
await db.exec(`insert into things select gen_random_uuid(), '${large}', 'thing ' || n from generate_series(1, 20000) n`);
console.log(`with statistics of the tenant: ${await rowsRead(small)} rows for a small one, ${await rowsRead(large)} for a large one`);
await db.exec(`alter table things alter column tenant set statistics 0; select pg_clear_attribute_stats('public', 'things', 'tenant', false)`);
console.log(`without: ${await rowsRead(small)} rows for a small one, ${await rowsRead(large)} for a large one`);
process.exit(0);
JS
expected=$(cat <<'TEXT'
with statistics of the tenant: 5 rows for a small one, 20000 for a large one
without: 3 rows for a small one, 3 for a large one
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
