#!/usr/bin/env bash
# postgres.js 3.4.9 reads a timestamptz of the years 1 to 49 as 2001 to 2049 and one of 50 to 99 as 1950 to 1999: 0001-01-01, the "no date" of .NET, becomes New Year of 2001.
#
# It gives Postgres's text to new Date(), and V8 takes a text with a space in the place of the T for free text, whose years below 100 it completes. A reader
# expects an ancient date or an invalid one, not one of this century, which no check of a range finds. Written back, it is 2001 in the table too. A date
# column, whose text has no space, keeps its year. Where the connection's TimeZone is a place, a time before its standard time has an offset with seconds
# and is read as Invalid Date, as infinity is. node-postgres (pg 8.23.1) reads all of these.
#
# What to do: store null for "no date", and read a column that may hold such times as text.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent postgres@3.4.9 pg@8.23.1 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import net from 'node:net';
import pg from 'pg';
import postgres from 'postgres';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new PGLiteSocketServer({ db: await PGlite.create(), host: '127.0.0.1', port });
await server.start();
const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
const CASES = ['0001-01-01T00:00:00Z', '0050-01-01T00:00:00Z', '0100-01-01T00:00:00Z', '1890-06-01T12:00:00Z', 'infinity'];
const shown = (value) => (value instanceof Date ? (Number.isNaN(value.getTime()) ? 'Invalid Date' : value.toISOString()) : String(value));
async function observe(who, query) {
  for (const zone of ['UTC', 'Europe/Berlin']) {
    await query(`set timezone = '${zone}'`);
    for (const text of CASES) {
      const [row] = await query(`select '${text}'::timestamptz::text as text, '${text}'::timestamptz as time, '${text}'::date as day`);
      console.log(`${who}, ${zone}: ${row.text} is read as ${shown(row.time)}, its date as ${shown(row.day)}`);
    }
  }
}
const sql = postgres(url, { max: 1 });
await observe('postgres', (text) => sql.unsafe(text));
await sql`set timezone = 'UTC'`;
const [{ time }] = await sql`select '0001-01-01T00:00:00Z'::timestamptz as time`;
const [{ written }] = await sql`select ${time}::timestamptz::text as written`;
console.log(`postgres: what was 0001-01-01 is written back as ${written}`);
await sql.end();
const client = new pg.Client(url);
await client.connect();
await observe('pg', async (text) => (await client.query(text)).rows);
await client.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
postgres, UTC: 0001-01-01 00:00:00+00 is read as 2001-01-01T00:00:00.000Z, its date as 0001-01-01T00:00:00.000Z
postgres, UTC: 0050-01-01 00:00:00+00 is read as 1950-01-01T00:00:00.000Z, its date as 0050-01-01T00:00:00.000Z
postgres, UTC: 0100-01-01 00:00:00+00 is read as 0100-01-01T00:00:00.000Z, its date as 0100-01-01T00:00:00.000Z
postgres, UTC: 1890-06-01 12:00:00+00 is read as 1890-06-01T12:00:00.000Z, its date as 1890-06-01T00:00:00.000Z
postgres, UTC: infinity is read as Invalid Date, its date as Invalid Date
postgres, Europe/Berlin: 0001-01-01 00:53:28+00:53:28 is read as Invalid Date, its date as 0001-01-01T00:00:00.000Z
postgres, Europe/Berlin: 0050-01-01 00:53:28+00:53:28 is read as Invalid Date, its date as 0050-01-01T00:00:00.000Z
postgres, Europe/Berlin: 0100-01-01 00:53:28+00:53:28 is read as Invalid Date, its date as 0100-01-01T00:00:00.000Z
postgres, Europe/Berlin: 1890-06-01 12:53:28+00:53:28 is read as Invalid Date, its date as 1890-06-01T00:00:00.000Z
postgres, Europe/Berlin: infinity is read as Invalid Date, its date as Invalid Date
postgres: what was 0001-01-01 is written back as 2001-01-01 00:00:00+00
pg, UTC: 0001-01-01 00:00:00+00 is read as 0001-01-01T00:00:00.000Z, its date as 0001-01-01T00:00:00.000Z
pg, UTC: 0050-01-01 00:00:00+00 is read as 0050-01-01T00:00:00.000Z, its date as 0050-01-01T00:00:00.000Z
pg, UTC: 0100-01-01 00:00:00+00 is read as 0100-01-01T00:00:00.000Z, its date as 0100-01-01T00:00:00.000Z
pg, UTC: 1890-06-01 12:00:00+00 is read as 1890-06-01T12:00:00.000Z, its date as 1890-06-01T00:00:00.000Z
pg, UTC: infinity is read as Infinity, its date as Infinity
pg, Europe/Berlin: 0001-01-01 00:53:28+00:53:28 is read as 0001-01-01T00:00:00.000Z, its date as 0001-01-01T00:00:00.000Z
pg, Europe/Berlin: 0050-01-01 00:53:28+00:53:28 is read as 0050-01-01T00:00:00.000Z, its date as 0050-01-01T00:00:00.000Z
pg, Europe/Berlin: 0100-01-01 00:53:28+00:53:28 is read as 0100-01-01T00:00:00.000Z, its date as 0100-01-01T00:00:00.000Z
pg, Europe/Berlin: 1890-06-01 12:53:28+00:53:28 is read as 1890-06-01T12:00:00.000Z, its date as 1890-06-01T00:00:00.000Z
pg, Europe/Berlin: infinity is read as Infinity, its date as Infinity
TEXT
)
seen=$(TZ=UTC node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
