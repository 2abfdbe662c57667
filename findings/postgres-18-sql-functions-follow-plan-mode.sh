#!/usr/bin/env bash
# PostgreSQL 18.6 (PGlite 0.5.14) beside 17.5 (PGlite 0.3.15): since 18, a function in SQL is planned anew at each call where plan_cache_mode = force_custom_plan.
#
# Up to 17, a function in SQL that cannot be inlined, such as one with SECURITY DEFINER, was planned once for each query that calls it, whatever the setting said.
# Since 18 its statements are kept like those of PL/pgSQL, which is faster by default, and obey plan_cache_mode: a query that calls such a function once a row
# plans its body once a row. An upgrade changes this with no change of the schema, and EXPLAIN shows the function's time as execution.
#
# What to do: give functions that are called often a setting of their own (alter function … set plan_cache_mode = force_generic_plan), or the session.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent postgres17@npm:@electric-sql/pglite@0.3.15 postgres18@npm:@electric-sql/pglite@0.5.14
cat >observe.mjs <<'JS'
for (const name of ['postgres17', 'postgres18']) {
  const { PGlite } = await import(name);
  const db = await PGlite.create();
  await db.exec(`
    create table accounts (id integer primary key, venue integer not null);
    insert into accounts select n, n % 10 from generate_series(1, 1000) n;
    create function venues_of(this_account integer) returns setof integer language sql stable security definer
      as 'select venue from accounts where id = this_account';
    -- Every plan that is made is told to the client.
    set client_min_messages = log;
    set log_planner_stats = on;`);
  const { rows } = await db.query('show server_version');
  console.log(`Postgres ${rows[0].server_version}, a query that calls a function 100 times, plans that are made:`);
  for (const mode of ['auto', 'force_custom_plan', 'force_generic_plan']) {
    await db.exec(`set plan_cache_mode = ${mode}`);
    let plans = 0;
    await db.query('select n, venue from generate_series(1, 100) n, venues_of(n) venue', [], {
      onNotice: ({ message }) => {
        if (message === 'PLANNER STATISTICS') plans += 1;
      },
    });
    console.log(`  ${mode}: ${plans}`);
  }
  await db.close();
}
JS
expected=$(cat <<'TEXT'
Postgres 17.5, a query that calls a function 100 times, plans that are made:
  auto: 2
  force_custom_plan: 2
  force_generic_plan: 2
Postgres 18.6, a query that calls a function 100 times, plans that are made:
  auto: 7
  force_custom_plan: 101
  force_generic_plan: 1
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
