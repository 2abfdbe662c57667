#!/usr/bin/env bash
# stripe 23.1.0: an HTTP 500 whose JSON body has no 'error' member resolves as if the call had succeeded.
#
# A reader expects every status of 400 and above to throw. The SDK looks for `error` in the parsed body and at nothing else, so the answer
# of a gateway or a load balancer in front of the API becomes a customer without an id. Check lastResponse.statusCode and the object's shape.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { Stripe } from 'stripe';

const answers = { cus_a: [500, '{}'], cus_b: [404, '{"message":"no route"}'], cus_c: [500, '{"error":{}}'] };
const server = http.createServer((request, response) => {
  const [status, body] = answers[request.url.split('/').at(-1)];
  response.writeHead(status, { 'content-type': 'application/json' }).end(body);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port: server.address().port, protocol: 'http', maxNetworkRetries: 0 });
for (const [id, [status, body]] of Object.entries(answers)) {
  const outcome = await stripe.customers.retrieve(id).then(
    (customer) => `resolves, lastResponse.statusCode ${customer.lastResponse.statusCode}`,
    (error) => `throws ${error.type}`,
  );
  console.log(`HTTP ${status} ${body} ${outcome}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
HTTP 500 {} resolves, lastResponse.statusCode 500
HTTP 404 {"message":"no route"} resolves, lastResponse.statusCode 404
HTTP 500 {"error":{}} throws StripeAPIError
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
