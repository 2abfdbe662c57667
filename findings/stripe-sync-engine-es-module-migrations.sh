#!/usr/bin/env bash
# @supabase/stripe-sync-engine 0.48.5: imported by an ES module, runMigrations() resolves without having created a table; required by CommonJS, the
# same call creates them all.
#
# The ES build keeps __dirname, which such a module does not have. The ReferenceError goes to the optional logger alone, so the first thing that
# fails is a later sync, with "relation does not exist". Give the call a logger, count the tables afterwards, or load the CommonJS build with
# createRequire (a shim was merged upstream: https://github.com/stripe/sync-engine/pull/308, 2026-04-05; this release lacks it).
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @supabase/stripe-sync-engine@0.48.5 stripe@23.1.0 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { createRequire } from 'node:module';
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import * as imported from '@supabase/stripe-sync-engine';

const required = createRequire(import.meta.url)('@supabase/stripe-sync-engine');
async function migrate(what, { runMigrations }, logger) {
  const db = await PGlite.create();
  const server = new PGLiteSocketServer({ db, port: 0, host: '127.0.0.1' });
  await server.start();
  const port = server.getServerConn().split(':').at(-1);
  await runMigrations({ databaseUrl: `postgres://postgres:postgres@127.0.0.1:${port}/postgres`, schema: 'stripe', logger });
  const { rows } = await db.query(`select count(*)::int as count from pg_tables where schemaname = 'stripe' and tablename = 'customers'`);
  console.log(`${what}: resolved, ${rows[0].count} table of customers`);
  await server.stop();
  await db.close();
}
await migrate('imported', imported);
await migrate('imported, with a logger', imported, { info() {}, error: (error) => console.log(`logged: ${error.message}`) });
await migrate('required', required);
process.exit(0);
JS
expected=$(cat <<'TEXT'
imported: resolved, 0 table of customers
logged: __dirname is not defined
imported, with a logger: resolved, 0 table of customers
required: resolved, 1 table of customers
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
