#!/usr/bin/env bash
# node-quickbooks 2.0.50: in a list of criteria, { count: true } at the second place or later takes the conditions behind it with it, so the count is of more records than were asked about.
#
# The entry at index i is removed together with the i entries after it. The query is valid and the answer a plain number. At the first place, at the
# end, or as a property of the one object of criteria, nothing is lost.
#
# What to do: put { count: true } first.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node-quickbooks@2.0.50
cat >observe.mjs <<'JS'
import http from 'node:http';
import QuickBooks from 'node-quickbooks';

const server = http.createServer((request, response) => {
  console.log(`  ${new URL(request.url, 'http://127.0.0.1').searchParams.get('query')}`);
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"QueryResponse":{"totalCount":0}}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new QuickBooks('', '', 'token', false, 'realm', false, false, null, '2.0', null);
client.endpoint = `http://127.0.0.1:${server.address().port}/`;
const active = { field: 'Active', value: true, operator: '=' };
const owing = { field: 'Balance', value: '0', operator: '>' };
const since = { field: 'TxnDate', value: '2026-01-01', operator: '>=' };
const count = { count: true };
for (const [place, criteria] of Object.entries({
  first: [count, active, owing, since],
  second: [active, count, owing, since],
  third: [active, owing, count, since],
  last: [active, owing, since, count],
})) {
  console.log(`count ${place}:`);
  await new Promise((done) => client.findInvoices(criteria, done));
}
server.close();
JS
expected=$(cat <<'TEXT'
count first:
  select count(*) from invoice where Active = true and Balance > '0' and TxnDate >= '2026-01-01' startposition 1 maxresults 1000
count second:
  select count(*) from invoice where Active = true and TxnDate >= '2026-01-01' startposition 1 maxresults 1000
count third:
  select count(*) from invoice where Active = true and Balance > '0' startposition 1 maxresults 1000
count last:
  select count(*) from invoice where Active = true and Balance > '0' and TxnDate >= '2026-01-01' startposition 1 maxresults 1000
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
