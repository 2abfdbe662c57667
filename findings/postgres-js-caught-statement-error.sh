#!/usr/bin/env bash
# postgres.js 3.4.9: begin() rejects with an error that its callback caught and rolled back to a savepoint, unless the statement ran on the handle that savepoint() passes.
#
# The driver keeps the first error of each handle and throws it after the callback has returned. So a savepoint by hand, and a statement on
# the outer handle inside savepoint(), roll the whole transaction back even though Postgres itself would commit it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent postgres@3.4.9 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import net from 'node:net';
import postgres from 'postgres';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const server = new PGLiteSocketServer({ db: await PGlite.create(), host: '127.0.0.1', port });
await server.start();
const sql = postgres(`postgres://postgres:postgres@127.0.0.1:${port}/postgres`, { max: 1 });
await sql`create table numbers (id int primary key)`;
await sql`insert into numbers values (1)`;
async function show(what, work) {
  const outcome = await sql.begin(work).then(() => 'commits', (error) => `rejects with ${error.code}`);
  console.log(`${what}: ${outcome}, rows ${(await sql`select count(*)::int as rows from numbers`)[0].rows}`);
}
await show('savepoint by hand', async (tx) => {
  await tx`savepoint here`;
  await tx`insert into numbers values (1)`.catch(() => tx`rollback to here`);
  await tx`insert into numbers values (2)`;
});
await show('savepoint(), outer handle', async (tx) => {
  await tx.savepoint(() => tx`insert into numbers values (1)`).catch(() => undefined);
  await tx`insert into numbers values (3)`;
});
await show('savepoint(), its own handle', async (tx) => {
  await tx.savepoint((inner) => inner`insert into numbers values (1)`).catch(() => undefined);
  await tx`insert into numbers values (4)`;
});
await sql.end();
await server.stop();
process.exit(0);
JS
expected=$(cat <<'TEXT'
savepoint by hand: rejects with 23505, rows 1
savepoint(), outer handle: rejects with 23505, rows 1
savepoint(), its own handle: commits, rows 2
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
