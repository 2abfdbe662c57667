#!/usr/bin/env bash
# stripe 23.1.0: with maxNetworkRetries: 0 the default HTTP client still sends a call a second time when the server closes the connection; the fetch client does not.
#
# Whoever counts calls against a rate limit, or leaves retries to a job system, counts one too few.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { Stripe } from 'stripe';

let requests = 0;
const server = http.createServer((request) => {
  requests += 1;
  request.socket.destroy();
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const options = { host: '127.0.0.1', port: server.address().port, protocol: 'http', maxNetworkRetries: 0 };
for (const [name, more] of [['node', {}], ['fetch', { httpClient: Stripe.createFetchHttpClient() }]]) {
  requests = 0;
  const error = await new Stripe('sk_test_example', { ...options, ...more }).customers.retrieve('cus_example').catch((thrown) => thrown);
  console.log(`${name} client: ${requests} request${requests === 1 ? '' : 's'}, ${error.type}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
node client: 2 requests, StripeConnectionError
fetch client: 1 request, StripeConnectionError
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
