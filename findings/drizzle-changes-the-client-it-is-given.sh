#!/usr/bin/env bash
# drizzle-orm 0.45.4: drizzle(client) changes the postgres.js 3.4.9 client itself: the client's own queries now fail with a Date or a JSON object, store the text "12" as the number 12, and give dates as text, unless the same statement ran before.
#
# The serializers of dates and JSON are replaced in the client's options, and parsers as well. A reader expects a wrapper. A module that shares the pool
# for raw statements works until drizzle() is called somewhere. A connection keeps its prepared statements, so a query that ran before the call goes on
# giving Date objects where a new one gives strings; with a Date as its parameter it no longer settles (not shown here).
#
# What to do: give Drizzle a client of its own, or pass dates and JSON of raw statements as text with a cast.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent postgres@3.4.9 drizzle-orm@0.45.4 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { drizzle } from 'drizzle-orm/postgres-js';
import net from 'node:net';
import postgres from 'postgres';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new PGLiteSocketServer({ db: await PGlite.create(), host: '127.0.0.1', port });
await server.start();
const sql = postgres(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`, { max: 1 });
const at = new Date('2026-06-01T12:00:00Z');
const kindOf = (value) => (value instanceof Date ? 'Date' : typeof value);
const show = async (what, query, tell) => console.log(`  ${what}: ${await query().then(([row]) => tell(row), (error) => `fails (${error.code})`)}`);
const readDate = () => show('a date', () => sql`select '2026-06-01T12:00:00Z'::timestamptz as it`, ({ it }) => kindOf(it));
console.log('before drizzle():');
await show('Date parameter', () => sql`select ${at}::timestamptz::text as it`, () => 'taken');
await show('json({ a: 1 })', () => sql`select jsonb_typeof(${sql.json({ a: 1 })}) as it`, ({ it }) => it);
await show('json("12")', () => sql`select jsonb_typeof(${sql.json('12')}) as it`, ({ it }) => it);
await readDate();
drizzle(sql);
console.log('after drizzle():');
await show('Date parameter', () => sql`select ${at}::timestamptz::text as it, 2`, () => 'taken');
await show('json({ a: 1 })', () => sql`select jsonb_typeof(${sql.json({ a: 1 })}) as it, 2`, ({ it }) => it);
await show('json("12")', () => sql`select jsonb_typeof(${sql.json('12')}) as it, 2`, ({ it }) => it);
await readDate();
await show('a date, by a new statement', () => sql`select '2026-06-02T12:00:00Z'::timestamptz as it`, ({ it }) => kindOf(it));
await sql.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
before drizzle():
  Date parameter: taken
  json({ a: 1 }): object
  json("12"): string
  a date: Date
after drizzle():
  Date parameter: fails (ERR_INVALID_ARG_TYPE)
  json({ a: 1 }): fails (ERR_INVALID_ARG_TYPE)
  json("12"): number
  a date: Date
  a date, by a new statement: string
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
