#!/usr/bin/env bash
# stripe 23.1.0: empty objects and empty arrays in a request are left out of the body without an error; null is sent as an empty value.
#
# An update that means to clear a list (images: []) or to add an entry without fields (currency_options: {gbp: {}}) sends an empty body and is
# answered as a success.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { Stripe } from 'stripe';

let body = '';
const server = http.createServer(async (request, response) => {
  body = '';
  for await (const chunk of request) body += chunk;
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"example","object":"product"}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port: server.address().port, protocol: 'http', maxNetworkRetries: 0 });
async function show(resource, fields) {
  await stripe[resource].update('example', fields);
  console.log(`${resource} ${JSON.stringify(fields)} sends "${decodeURIComponent(body)}"`);
}
await show('products', { images: [], marketing_features: [] });
await show('prices', { currency_options: { gbp: {} } });
await show('prices', { metadata: {} });
await show('prices', { metadata: null });
server.close();
JS
expected=$(cat <<'TEXT'
products {"images":[],"marketing_features":[]} sends ""
prices {"currency_options":{"gbp":{}}} sends ""
prices {"metadata":{}} sends ""
prices {"metadata":null} sends "metadata="
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
