#!/usr/bin/env bash
# twilio 6.3.1: a date that is absent from an answer is read as the current time, different at every read; null stays null.
#
# A message that was never sent has a dateSent of this moment when a stand-in or an answer leaves the field out, and a comparison with a stored
# dateUpdated finds a change at every poll. Nothing in the object tells it from a date that Twilio sent.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent twilio@6.3.1
cat >observe.mjs <<'JS'
import http from 'node:http';
import twilio from 'twilio';

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ sid: 'SM1', date_created: 'Thu, 24 Aug 2023 05:01:45 +0000', date_sent: null }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
// The client takes no base address. This one sends every request to the local server.
class LocalClient extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace(/^https:\/\/[^/]+/, `http://127.0.0.1:${server.address().port}`) });
  }
}
const client = twilio(`AC${'0'.repeat(32)}`, 'example', { httpClient: new LocalClient() });
const begun = Date.now();
const first = await client.messages('SM1').fetch();
await new Promise((go) => setTimeout(go, 50));
const second = await client.messages('SM1').fetch();
console.log(`date_created 2023-08-24: dateCreated ${first.dateCreated.toISOString()}`);
console.log(`date_sent null: dateSent ${first.dateSent}`);
console.log(`date_updated absent: dateUpdated is now: ${first.dateUpdated.getTime() >= begun}, later at the second read: ${second.dateUpdated > first.dateUpdated}`);
server.close();
JS
expected=$(cat <<'TEXT'
date_created 2023-08-24: dateCreated 2023-08-24T05:01:45.000Z
date_sent null: dateSent null
date_updated absent: dateUpdated is now: true, later at the second read: true
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
