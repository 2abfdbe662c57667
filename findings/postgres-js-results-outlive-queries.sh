#!/usr/bin/env bash
# With postgres 3.4.9, the rows of every finished query survive the first collection of garbage, although nobody holds them: they fill the old generation, whose collections take longest.
#
# A promise that is resolved with as many rows leaves nothing there. A query does because it has its settling functions as closures of its own; as methods they leave nothing.
# A service that reads 40 KB for each request collected its old generation twice a second, which was a sixth of its CPU time.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent postgres@3.4.9
cat >observe.mjs <<'JS'
import { getHeapSpaceStatistics } from 'node:v8';
import { Query } from './node_modules/postgres/src/query.js';
const rows = () => Array.from({ length: 64 }, () => Buffer.alloc(512, 'x').toString('latin1'));
// As the driver does it, without a server.
const send = (query) => setImmediate(() => query.resolve(rows()));
const ways = {
  query: () => new Query(['select 1'], [], send, null, {}),
  promise: () => new Promise((resolve) => setImmediate(() => resolve(rows()))),
};
const oldMib = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size / 1_048_576;
const make = ways[process.argv[2]];
for (let index = 0; index < 500; index += 1) await make();
const before = oldMib();
for (let index = 0; index < 2_000; index += 1) await make();
const grown = oldMib() - before;
console.log(`${process.argv[2]}: of 64 MiB of rows, ${grown > 10 ? 'more than 10' : grown < 2 ? 'less than 2' : 'some'} MiB are in the old generation`);
JS
expected=$(cat <<'TEXT'
query: of 64 MiB of rows, more than 10 MiB are in the old generation
promise: of 64 MiB of rows, less than 2 MiB are in the old generation
TEXT
)
seen=$(for way in query promise; do node --max-semi-space-size=16 --initial-heap-size=1000 observe.mjs "$way"; done)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
