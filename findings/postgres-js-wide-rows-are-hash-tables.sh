#!/usr/bin/env bash
# postgres 3.4.9 on node 24.21.0: a row of 20 columns takes four times the memory of a row of 19, and one of 22 eight times. V8 makes a hash table of it.
#
# The driver begins each row as an empty object and adds its columns by computed names. V8 keeps such an object compact up to 19 properties and turns it into
# a dictionary with the next one, for every row anew: 20,000 rows of 22 booleans hold 33 MB in place of 4. Reading their properties gets slower too.
#
# What to do: read wide rows as values, .values(), and make the objects oneself by a literal or by a copy of the first one's shape; or select less columns.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent --legacy-peer-deps node@24.21.0 postgres@3.4.9 @electric-sql/pglite@0.5.14 @electric-sql/pglite-socket@0.2.17
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import postgres from 'postgres';

const server = new PGLiteSocketServer({ db: await PGlite.create(), port: 0, host: '127.0.0.1' });
await server.start();
const port = server.port ?? server.server?.address().port;
const sql = postgres({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres', max: 1, fetch_types: false });
let rows = null;

/** Tenths of a kilobyte that a row holds. */
async function sizeOfRow(columns, asValues = false) {
  const list = Array.from({ length: columns }, (_, index) => `true as column_${index}`).join(', ');
  const query = sql.unsafe(`select ${list} from generate_series(1, 20000)`);
  rows = null;
  globalThis.gc();
  const before = process.memoryUsage().heapUsed;
  rows = await (asValues ? query.values() : query);
  globalThis.gc();
  return (process.memoryUsage().heapUsed - before) / rows.length / 1_000;
}
await sizeOfRow(5);
for (const columns of [19, 20, 22]) console.log(`${columns} columns: ${(await sizeOfRow(columns)).toFixed(1)} KB`);
console.log(`22 columns as values: ${(await sizeOfRow(22, true)).toFixed(1)} KB`);
process.exit(0);
JS
expected=$(cat <<'TEXT'
19 columns: 0.2 KB
20 columns: 0.9 KB
22 columns: 1.6 KB
22 columns as values: 0.2 KB
TEXT
)
seen=$(node_modules/.bin/node --expose-gc observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
