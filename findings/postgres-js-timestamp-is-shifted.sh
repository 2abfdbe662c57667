#!/usr/bin/env bash
# postgres.js 3.4.9: a Date that is written to a column of type timestamp comes back as another instant, moved by the process's UTC offset; a date column is read as midnight in UTC, whatever the zone.
#
# A Date is sent as its time in UTC, and the column drops the "Z"; what comes back is read as local time. node-postgres (pg 8.23.1) writes local time, so the
# same value survives there, and a table that both write to holds two kinds of time. Nothing shows in a process that runs in UTC, as containers do.
#
# What to do: timestamptz for every instant.
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
const at = new Date('2026-06-01T12:00:00Z');
const show = (who, { text, plain, zoned, day }) => console.log(`  ${who}: stored ${text}; read timestamp ${plain.toISOString()}, timestamptz ${zoned.toISOString()}, date ${day.toISOString()}`);
const COLUMNS = 'plain::text as text, plain, zoned, day';
console.log(`${process.env.TZ}, written ${at.toISOString()}`);
const sql = postgres(url, { max: 1 });
await sql`create table times (plain timestamp, zoned timestamptz, day date)`;
await sql`insert into times values (${at}, ${at}, '2026-06-01')`;
show('postgres', (await sql.unsafe(`select ${COLUMNS} from times`))[0]);
await sql`truncate times`;
await sql.end();
const client = new pg.Client(url);
await client.connect();
await client.query('insert into times values ($1, $2, $3)', [at, at, '2026-06-01']);
show('pg', (await client.query(`select ${COLUMNS} from times`)).rows[0]);
await client.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
UTC, written 2026-06-01T12:00:00.000Z
  postgres: stored 2026-06-01 12:00:00; read timestamp 2026-06-01T12:00:00.000Z, timestamptz 2026-06-01T12:00:00.000Z, date 2026-06-01T00:00:00.000Z
  pg: stored 2026-06-01 12:00:00; read timestamp 2026-06-01T12:00:00.000Z, timestamptz 2026-06-01T12:00:00.000Z, date 2026-06-01T00:00:00.000Z
Asia/Tokyo, written 2026-06-01T12:00:00.000Z
  postgres: stored 2026-06-01 12:00:00; read timestamp 2026-06-01T03:00:00.000Z, timestamptz 2026-06-01T12:00:00.000Z, date 2026-06-01T00:00:00.000Z
  pg: stored 2026-06-01 21:00:00; read timestamp 2026-06-01T12:00:00.000Z, timestamptz 2026-06-01T12:00:00.000Z, date 2026-05-31T15:00:00.000Z
America/New_York, written 2026-06-01T12:00:00.000Z
  postgres: stored 2026-06-01 12:00:00; read timestamp 2026-06-01T16:00:00.000Z, timestamptz 2026-06-01T12:00:00.000Z, date 2026-06-01T00:00:00.000Z
  pg: stored 2026-06-01 08:00:00; read timestamp 2026-06-01T12:00:00.000Z, timestamptz 2026-06-01T12:00:00.000Z, date 2026-06-01T04:00:00.000Z
TEXT
)
seen=$(for zone in UTC Asia/Tokyo America/New_York; do TZ=$zone node observe.mjs; done)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
