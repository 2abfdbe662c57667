#!/usr/bin/env bash
# postgres.js 3.4.9 reads no null in an array: in a boolean[] it becomes false, in an int[] NaN and in a text[] the text 'NULL'.
#
# The parser of the elements' type is given the word NULL, quoted or not. A reader expects null, as a column of the same type gives. No error is raised: an
# unanswered question counts as a no, and 'NULL' is written back as a text of four letters. Nothing in the result tells it from the text. array_agg over
# a left join makes such arrays. JSON of the same values keeps null, and so does node-postgres (pg 8.23.1).
#
# What to do: leave nulls out in SQL (array_remove, filter), or read to_json() of the array.
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
import { inspect } from 'node:util';
import pg from 'pg';
import postgres from 'postgres';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new PGLiteSocketServer({ db: await PGlite.create(), host: '127.0.0.1', port });
await server.start();
const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
const ARRAYS = ['array[true, null]', 'array[1, null]', "array['NULL', null]", 'array[1.50, null]', 'array[1::bigint, null]', "array['2026-06-01T12:00:00Z'::timestamptz, null]", "to_json(array['NULL', null])"];
const observe = async (who, query) => {
  for (const array of ARRAYS) console.log(`${who}: ${array} is read as ${inspect((await query(`select ${array} as value`))[0].value)}`);
};
const sql = postgres(url, { max: 1 });
await observe('postgres', (text) => sql.unsafe(text));
const [{ value }] = await sql`select array['NULL', null] as value`;
const [{ nulls }] = await sql`select array_position(${value}::text[], null) is not null as nulls`;
console.log(`postgres: the text array written back has a null: ${nulls}`);
await sql.end();
const client = new pg.Client(url);
await client.connect();
await observe('pg', async (text) => (await client.query(text)).rows);
await client.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
postgres: array[true, null] is read as [ true, false ]
postgres: array[1, null] is read as [ 1, NaN ]
postgres: array['NULL', null] is read as [ 'NULL', 'NULL' ]
postgres: array[1.50, null] is read as [ '1.50', 'NULL' ]
postgres: array[1::bigint, null] is read as [ '1', 'NULL' ]
postgres: array['2026-06-01T12:00:00Z'::timestamptz, null] is read as [ 2026-06-01T12:00:00.000Z, Invalid Date ]
postgres: to_json(array['NULL', null]) is read as [ 'NULL', null ]
postgres: the text array written back has a null: false
pg: array[true, null] is read as [ true, null ]
pg: array[1, null] is read as [ 1, null ]
pg: array['NULL', null] is read as [ 'NULL', null ]
pg: array[1.50, null] is read as [ 1.5, null ]
pg: array[1::bigint, null] is read as [ '1', null ]
pg: array['2026-06-01T12:00:00Z'::timestamptz, null] is read as [ 2026-06-01T12:00:00.000Z, null ]
pg: to_json(array['NULL', null]) is read as [ 'NULL', null ]
TEXT
)
seen=$(TZ=UTC node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
