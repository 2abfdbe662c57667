#!/usr/bin/env bash
# PostgreSQL 18.6: an upsert whose ON CONFLICT ... WHERE has a parameter works five times on a connection and fails for ever from the sixth, with 42P10, when the statement is prepared.
#
# WHERE names the partial unique index. The first five plans are made for the parameter's value, which proves the index's condition; the sixth is made for any
# value, which proves nothing. A reader expects a statement that has worked to go on working: tests never run it six times on one connection. postgres.js
# 3.4.9 prepares every tagged query by itself, and drizzle-orm 0.45.4 writes eq(...) in targetWhere with a parameter, which is prepared after .prepare(name).
# https://github.com/SeaQL/sea-orm/issues/2495 (open, last answer 2025-02-27) has the error with a prepared statement and guesses at the index's text.
#
# What to do: write the condition of a partial index as text of the statement (sql`status = 'active'`), never with a parameter.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent drizzle-orm@0.45.4 pg@8.23.1 postgres@3.4.9 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { eq, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { pgTable, text } from 'drizzle-orm/pg-core';
import net from 'node:net';
import pg from 'pg';
import postgres from 'postgres';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const db = await PGlite.create();
await db.exec(`
  create table accounts (provider text, status text);
  create unique index one_active on accounts (provider) where status = 'active';
  create function upsert(wanted text) returns void language plpgsql as $$
    begin
      insert into accounts values ('example', 'active') on conflict (provider) where status = wanted do update set status = excluded.status;
    end $$;`);
const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port });
await server.start();
const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;

async function repeat(name, upsert) {
  const seen = [];
  for (let time = 1; time <= 7; time += 1) {
    seen.push(await upsert().then(() => 'done', (error) => (error.cause ?? error).code));
  }
  console.log(`${name}: ${seen.join(' ')}`);
}
const status = 'active';
const tagged = (query) => query`insert into accounts values ('example', ${status}) on conflict (provider) where status = ${status} do update set status = excluded.status`;
const taggedAsText = (query) => query`insert into accounts values ('example', ${status}) on conflict (provider) where status = 'active' do update set status = excluded.status`;
for (const [name, options, upsert] of [
  ['postgres.js', {}, tagged],
  ['postgres.js, condition as text', {}, taggedAsText],
  ['postgres.js, prepare: false', { prepare: false }, tagged],
]) {
  const query = postgres(url, { max: 1, ...options });
  await repeat(name, async () => upsert(query));
  await query.end();
}
const accounts = pgTable('accounts', { provider: text(), status: text() });
const client = new pg.Client(url);
await client.connect();
const upsert = (targetWhere) =>
  drizzle(client).insert(accounts).values({ provider: 'example', status }).onConflictDoUpdate({ target: accounts.provider, targetWhere, set: { status } });
const prepared = upsert(eq(accounts.status, status)).prepare('upsert');
await repeat('Drizzle, prepared', () => prepared.execute());
await repeat('Drizzle, not prepared', async () => void (await upsert(eq(accounts.status, status))));
const asText = upsert(sql`${accounts.status} = 'active'`).prepare('upsert_text');
await repeat('Drizzle, prepared, condition as text', () => asText.execute());
await repeat('PL/pgSQL function', () => client.query(`select upsert('active')`));
await client.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
postgres.js: done done done done done 42P10 42P10
postgres.js, condition as text: done done done done done done done
postgres.js, prepare: false: done done done done done done done
Drizzle, prepared: done done done done done 42P10 42P10
Drizzle, not prepared: done done done done done done done
Drizzle, prepared, condition as text: done done done done done done done
PL/pgSQL function: done done done done done 42P10 42P10
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
