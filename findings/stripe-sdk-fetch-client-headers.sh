#!/usr/bin/env bash
# stripe 23.1.0: lastResponse.headers is a plain object with the default HTTP client and a Headers instance with createFetchHttpClient().
#
# The typings promise { [key: string]: string } either way. With the fetch client every look-up by key, such as headers['retry-after'], gives
# undefined without an error. new Headers(lastResponse.headers).get(name) reads both.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { Stripe } from 'stripe';

const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json', 'request-id': 'req_example' }).end('{"id":"cus_example","object":"customer"}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const options = { host: '127.0.0.1', port: server.address().port, protocol: 'http' };
for (const [name, more] of [['node', {}], ['fetch', { httpClient: Stripe.createFetchHttpClient() }]]) {
  const { lastResponse } = await new Stripe('sk_test_example', { ...options, ...more }).customers.retrieve('cus_example');
  const { headers, requestId } = lastResponse;
  console.log(`${name} client: ${headers.constructor.name}, headers['request-id'] is ${headers['request-id']}, lastResponse.requestId is ${requestId}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
node client: Object, headers['request-id'] is req_example, lastResponse.requestId is req_example
fetch client: Headers, headers['request-id'] is undefined, lastResponse.requestId is req_example
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
