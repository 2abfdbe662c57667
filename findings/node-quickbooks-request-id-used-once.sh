#!/usr/bin/env bash
# node-quickbooks 2.0.50: create() deletes requestId from the object that it is given, so a retry with the same object is sent without it and QuickBooks creates a second one.
#
# QuickBooks Online answers a repeated request with the same requestid as it did the first (https://blogs.intuit.com/2015/04/06/15346/, 2015-04-06). A reader
# expects the option (https://github.com/mcohen01/node-quickbooks/pull/133, 2019-03-31) to be read, not used up: the first call is right, and the guard is
# gone exactly when it is needed. update() moreover adds sparse: true to the caller's object, so sending it again is not the full update that it was.
#
# What to do: give every call a shallow copy of the record, also inside a retry.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node-quickbooks@2.0.50
cat >observe.mjs <<'JS'
import http from 'node:http';
import QuickBooks from 'node-quickbooks';

let failures = 0;
const server = http.createServer((request, response) => {
  const requestId = new URL(request.url, 'http://127.0.0.1').searchParams.get('requestid');
  const status = failures-- > 0 ? 503 : 200;
  if (!request.url.includes('operation=update')) console.log(`requestid ${requestId}: ${status}`);
  response.writeHead(status, { 'content-type': 'application/json' }).end('{"Invoice":{"Id":"1"}}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new QuickBooks('', '', 'token', false, 'realm', false, false, null, '2.0', null);
client.endpoint = `http://127.0.0.1:${server.address().port}/`;
const call = (method, entity) => new Promise((done) => client[method](entity, (error) => done(error ? 'failed' : 'done')));
const record = () => ({ requestId: 'example-1', Line: [] });

for (const [name, copy] of [['the same object', (invoice) => invoice], ['copies', (invoice) => ({ ...invoice })]]) {
  console.log(`create with ${name}:`);
  const invoice = record();
  failures = 1;
  while ((await call('createInvoice', copy(invoice))) === 'failed');
}
const invoice = { Id: '1', SyncToken: '0' };
await call('updateInvoice', invoice);
console.log(`the object after an update: ${JSON.stringify(invoice)}`);
server.close();
JS
expected=$(cat <<'TEXT'
create with the same object:
requestid example-1: 503
requestid null: 200
create with copies:
requestid example-1: 503
requestid example-1: 200
the object after an update: {"Id":"1","SyncToken":"0","sparse":true}
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
