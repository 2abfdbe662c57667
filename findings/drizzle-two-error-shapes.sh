#!/usr/bin/env bash
# drizzle-orm 0.45.4 over postgres.js 3.4.9: a unique violation has its SQLSTATE in error.cause.code when a statement fails and in error.code when the commit fails.
#
# Deferred constraints are checked by COMMIT, which Drizzle sends without its wrapper. Code that looks at one place only takes the other for an
# unknown failure. And the wrapper's message quotes every parameter, so logging it logs the row.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent drizzle-orm@0.45.4 postgres@3.4.9 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import net from 'node:net';
import postgres from 'postgres';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new PGLiteSocketServer({ db: await PGlite.create(), host: '127.0.0.1', port });
await server.start();
const client = postgres(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`, { max: 1 });
const db = drizzle(client);
await db.execute(sql`create table people (id int primary key, email text, badge int unique deferrable initially deferred)`);
const insert = (tx, id, badge) => tx.execute(sql`insert into people values (${id}, ${'someone@example.com'}, ${badge})`);
await insert(db, 1, 1);
const show = (where, { constructor, code, cause, message }) =>
  console.log(`${where}: ${constructor.name}, code ${code}, cause.code ${cause?.code}, message holds the parameter: ${message.includes('someone@example.com')}`);
await db.transaction((tx) => insert(tx, 1, 2)).catch((error) => show('statement', error));
await db.transaction((tx) => insert(tx, 2, 1)).catch((error) => show('commit', error));
await client.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
statement: DrizzleQueryError, code undefined, cause.code 23505, message holds the parameter: true
commit: PostgresError, code 23505, cause.code undefined, message holds the parameter: false
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
