#!/usr/bin/env bash
# drizzle-orm 0.45.4: of a row that a relational query reads through `with`, bigint and numeric columns are rounded to what a JavaScript number holds, and a bytea is text; the same row read by itself is exact.
#
# The related rows come as one JSON document, which JSON.parse turns into numbers before the columns' own conversion sees them. bigint({ mode: 'bigint' }) then
# gives a BigInt and numeric() a string, as their types say, made of the rounded number: 9007199254740993 is 9007199254740992, and 10.50 is "10.5". A reader
# expects these types to be chosen against that very loss. A comparison of amounts by text finds a change that nobody made.
#
# What to do: read rows with such columns by a join or by a query of their own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent drizzle-orm@0.45.4 postgres@3.4.9 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { eq, relations } from 'drizzle-orm';
import * as pg from 'drizzle-orm/pg-core';
import { drizzle as drizzlePglite } from 'drizzle-orm/pglite';
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js';
import net from 'node:net';
import { inspect } from 'node:util';
import postgres from 'postgres';

const accounts = pg.pgTable('accounts', { id: pg.integer().primaryKey() });
const entries = pg.pgTable('entries', {
  account: pg.integer(),
  count: pg.bigint({ mode: 'bigint' }),
  price: pg.numeric(),
  total: pg.numeric({ precision: 20, scale: 2 }),
  digest: pg.customType({ dataType: () => 'bytea' })(),
});
const schema = {
  accounts,
  entries,
  ofAccounts: relations(accounts, ({ many }) => ({ entries: many(entries) })),
  ofEntries: relations(entries, ({ one }) => ({ owner: one(accounts, { fields: [entries.account], references: [accounts.id] }) })),
};
const database = await PGlite.create();
await database.exec(`
  create table accounts (id integer primary key);
  create table entries (account integer, count bigint, price numeric, total numeric(20, 2), digest bytea);
  insert into accounts values (1);
  insert into entries values (1, 9007199254740993, 12345678901234567.891, 10.50, '\\x0102');
`);
const line = ({ count, price, total, digest }) => inspect({ count, price, total, digest: digest instanceof Uint8Array ? Uint8Array.from(digest) : digest }, { breakLength: Infinity });
async function observe(driver, db) {
  console.log(`${driver}, findFirst: ${line(await db.query.entries.findFirst())}`);
  console.log(`${driver}, join: ${line((await db.select().from(accounts).innerJoin(entries, eq(entries.account, accounts.id)))[0].entries)}`);
  console.log(`${driver}, with: ${line((await db.query.accounts.findFirst({ with: { entries: true } })).entries[0])}`);
}
await observe('PGlite', drizzlePglite(database, { schema }));
const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new PGLiteSocketServer({ db: database, host: '127.0.0.1', port });
await server.start();
const client = postgres(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`, { max: 1 });
await observe('postgres.js', drizzlePostgres(client, { schema }));
await client.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
PGlite, findFirst: { count: 9007199254740993n, price: '12345678901234567.891', total: '10.50', digest: Uint8Array(2) [ 1, 2 ] }
PGlite, join: { count: 9007199254740993n, price: '12345678901234567.891', total: '10.50', digest: Uint8Array(2) [ 1, 2 ] }
PGlite, with: { count: 9007199254740992n, price: '12345678901234568', total: '10.5', digest: '\\x0102' }
postgres.js, findFirst: { count: 9007199254740993n, price: '12345678901234567.891', total: '10.50', digest: Uint8Array(2) [ 1, 2 ] }
postgres.js, join: { count: 9007199254740993n, price: '12345678901234567.891', total: '10.50', digest: Uint8Array(2) [ 1, 2 ] }
postgres.js, with: { count: 9007199254740992n, price: '12345678901234568', total: '10.5', digest: '\\x0102' }
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
