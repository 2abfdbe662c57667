#!/usr/bin/env bash
# square 46.0.0: on a page of catalogue objects, one of a type that the SDK does not know stays in snake_case with plain numbers, between camelCase neighbours with BigInt.
#
# One page has two shapes. A reader that orders objects by updatedAt or version skips the new kind without an error, and 5n === 5 is false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent square@46.0.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { inspect } from 'node:util';
import { SquareClient } from 'square';

const updated_at = '2026-01-01T00:00:00Z';
const objects = [
  { type: 'ITEM', id: 'A', updated_at, version: 5, item_data: { name: 'Tea' } },
  { type: 'NEW_KIND', id: 'B', updated_at, version: 6, new_kind_data: {} },
];
const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ objects }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new SquareClient({ token: 'example', baseUrl: `http://127.0.0.1:${server.address().port}`, maxRetries: 0 });
for (const { type, updatedAt, updated_at: raw, version } of (await client.catalog.list()).data) {
  console.log(`${type}: updatedAt ${updatedAt}, updated_at ${raw}, version ${inspect(version)}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
ITEM: updatedAt 2026-01-01T00:00:00Z, updated_at undefined, version 5n
NEW_KIND: updatedAt undefined, updated_at 2026-01-01T00:00:00Z, version 6
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
