#!/usr/bin/env bash
# node-quickbooks 2.0.50: changeDataCapture() with a Date sends the process's own UTC offset with a bare "+", which a server reads as a space: east of Greenwich the time is not the one that was given.
#
# The same code is right in UTC ("Z") and in America ("-05:00"), so a test in a container does not show it. The offset comes from date-fns' formatISO
# and the URL is put together by hand. A string is sent as it is: date.toISOString() ends in Z and is right everywhere.
#
# What to do: pass the time as a string in UTC.
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
  const since = new URL(request.url, 'http://127.0.0.1').searchParams.get('changedSince');
  console.log(`${process.env.TZ}: the server reads "${since}"`);
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"CDCResponse":[]}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new QuickBooks('', '', 'token', false, 'realm', false, false, null, '2.0', null);
client.endpoint = `http://127.0.0.1:${server.address().port}/`;
const noon = new Date('2026-01-15T12:00:00Z');
const changes = (since) => new Promise((done) => client.changeDataCapture(['Customer'], since, done));
await changes(noon);
if (process.env.TZ === 'Europe/Berlin') await changes(noon.toISOString());
server.close();
JS
expected=$(cat <<'TEXT'
UTC: the server reads "2026-01-15T12:00:00Z"
America/New_York: the server reads "2026-01-15T07:00:00-05:00"
Europe/Berlin: the server reads "2026-01-15T13:00:00 01:00"
Europe/Berlin: the server reads "2026-01-15T12:00:00.000Z"
TEXT
)
seen=$(for zone in UTC America/New_York Europe/Berlin; do TZ=$zone node observe.mjs; done)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
