#!/usr/bin/env bash
# PostgreSQL 18.6 (PGlite 0.5.14): under plan_cache_mode = force_custom_plan, Postgres plans the check of a foreign key anew for every row that is written.
#
# The setting is a known cure for prepared statements whose kept plan is bad. It also holds for the queries that Postgres itself keeps for a session to check
# foreign keys: one statement that inserts 1,000 rows is planned once, and its checks 1,000 times for each foreign key. Nothing shows it: EXPLAIN tells the
# triggers' time as a whole, and pg_stat_statements has these queries only with track = all and track_planning on.
#
# What to do: set plan_cache_mode = auto for the transaction, or the statement, that writes many rows.
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
  create table venues (id integer primary key);
  create table accounts (id integer primary key);
  create table records (id integer primary key, venue integer references venues, account integer references accounts);
  insert into venues select generate_series(1, 10);
  insert into accounts select generate_series(1, 10);
  -- Every plan that is made is told to the client.
  set client_min_messages = log;
  set log_planner_stats = on;`);
let first = 1;
async function plansFor(mode) {
  await db.exec(`set plan_cache_mode = ${mode}`);
  let plans = 0;
  await db.query(`insert into records select n, n % 10 + 1, n % 10 + 1 from generate_series(${first}::integer, ${first + 999}::integer) n`, [], {
    onNotice: ({ message }) => {
      if (message === 'PLANNER STATISTICS') plans += 1;
    },
  });
  first += 1_000;
  return plans;
}
const version = (await db.query('show server_version')).rows[0].server_version;
console.log(`Postgres ${version}, 1,000 rows with two foreign keys, plans that are made:`);
for (const mode of ['auto', 'force_generic_plan', 'force_custom_plan']) console.log(`  ${mode}: ${await plansFor(mode)}`);
await db.close();
JS
expected=$(cat <<'TEXT'
Postgres 18.6, 1,000 rows with two foreign keys, plans that are made:
  auto: 13
  force_generic_plan: 1
  force_custom_plan: 2001
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
