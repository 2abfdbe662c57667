#!/usr/bin/env bash
# stripe 23.1.0: unit_amount_decimal is an object of the SDK's own class, not the string that the API sends; structuredClone turns it into two fields, and a zero at the end is gone.
#
# typeof checks, === and schemas for a string fail, while == and JSON.stringify still behave as with a string. A copy that passes a structured
# clone (worker threads, caches) loses the class. Only fields that the SDK knows as decimals change, so raw events and typed answers differ.
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
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"price_example","object":"price","unit_amount_decimal":"1.50"}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port: server.address().port, protocol: 'http', maxNetworkRetries: 0 });
const { unit_amount_decimal: amount } = await stripe.prices.retrieve('price_example');
console.log(`typeof ${typeof amount}, === '1.5' ${amount === '1.5'}, == '1.5' ${amount == '1.5'}, == '1.50' ${amount == '1.50'}`);
console.log(`JSON ${JSON.stringify(amount)}, structuredClone has ${Object.keys(structuredClone(amount)).length} fields and prints as ${String(structuredClone(amount))}`);
server.close();
JS
expected=$(cat <<'TEXT'
typeof object, === '1.5' false, == '1.5' true, == '1.50' false
JSON "1.5", structuredClone has 2 fields and prints as [object Object]
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
