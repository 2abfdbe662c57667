#!/usr/bin/env bash
# @notionhq/client 5.26.0: the client repeats a rate-limited call twice by itself, also one that creates, and waits as Retry-After says; a 503 it does not repeat on a POST.
#
# A limiter around the client counts one where three were made, and a caller's own retries multiply.
# The option is retry: false.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @notionhq/client@5.26.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { Client } from '@notionhq/client';

let requests = 0;
let status = 429;
const server = http.createServer((request, response) => {
  requests += 1;
  request.resume();
  const code = status === 429 ? 'rate_limited' : 'service_unavailable';
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '1' });
  response.end(JSON.stringify({ object: 'error', status, code, message: 'later' }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const notion = new Client({ auth: 'example', baseUrl: `http://127.0.0.1:${server.address().port}`, logger: () => {} });
const page = { parent: { page_id: '11111111-1111-4111-8111-111111111111' }, properties: {} };
async function show(what, nextStatus, call) {
  [requests, status] = [0, nextStatus];
  const begun = Date.now();
  await call().catch(() => undefined);
  console.log(`${what}, HTTP ${status}: ${requests} request${requests === 1 ? '' : 's'}, at least 2 s: ${Date.now() - begun >= 2_000}`);
}
await show('list users', 429, () => notion.users.list({}));
await show('create a page', 429, () => notion.pages.create(page));
await show('create a page', 503, () => notion.pages.create(page));
server.close();
JS
expected=$(cat <<'TEXT'
list users, HTTP 429: 3 requests, at least 2 s: true
create a page, HTTP 429: 3 requests, at least 2 s: true
create a page, HTTP 503: 1 request, at least 2 s: false
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
