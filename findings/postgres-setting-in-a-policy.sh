#!/usr/bin/env bash
# PostgreSQL 18.6: current_setting() in a row-level security policy is evaluated while the query is planned, before privileges are checked, and a
# custom setting that one transaction has set locally is empty text afterwards, no longer missing.
#
# A role without any right on the table is told 42704 (unknown setting) in place of 42501, so that a test for "permission denied" passes or fails
# with what the session did before. A policy that relies on the error for "no tenant chosen" raises it on fresh connections only: on a pooled one it
# compares with an empty text, and the query answers no rows without a word.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @electric-sql/pglite@0.5.14
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';

async function freshSession() {
  const db = await PGlite.create();
  await db.exec(`
    create table notes (tenant text not null, body text);
    create role reader;
    alter table notes enable row level security;
    create policy own on notes using (tenant = current_setting('app.tenant'));`);
  return db;
}
async function read(db) {
  await db.exec('begin; set local role reader');
  try {
    return JSON.stringify((await db.query('select * from notes')).rows);
  } catch (error) {
    return `${error.code} ${error.message}`;
  } finally {
    await db.exec('rollback');
  }
}
const withoutRight = await freshSession();
console.log(`no right, fresh session: ${await read(withoutRight)}`);
await withoutRight.exec("begin; set local app.tenant = 'a'; commit");
console.log(`no right, after a transaction that had set it: ${await read(withoutRight)}`);
const withRight = await freshSession();
await withRight.exec("grant select on notes to reader; insert into notes values ('a', 'b')");
console.log(`right, fresh session: ${await read(withRight)}`);
await withRight.exec("begin; set local app.tenant = 'a'; commit");
console.log(`right, after a transaction that had set it: ${await read(withRight)}`);
process.exit(0);
JS
expected=$(cat <<'TEXT'
no right, fresh session: 42704 unrecognized configuration parameter "app.tenant"
no right, after a transaction that had set it: 42501 permission denied for table notes
right, fresh session: 42704 unrecognized configuration parameter "app.tenant"
right, after a transaction that had set it: []
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
