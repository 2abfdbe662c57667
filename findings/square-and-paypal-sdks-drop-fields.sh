#!/usr/bin/env bash
# square 46.0.0 and @paypal/paypal-server-sdk 2.5.0 leave request fields that they do not know out of the body without an error, among them the snake_case names of the providers' own references.
#
# A payload copied from the reference goes out without its amount or its reference, and a field that the API has added since the SDK was
# generated cannot be sent. Square's SDK hands such a field out when it reads, so reading and writing back loses it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent square@46.0.0 @paypal/paypal-server-sdk@2.5.0
cat >observe.mjs <<'JS'
import { Client, Environment, OrdersController } from '@paypal/paypal-server-sdk';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import { SquareClient } from 'square';

let sent;
const answers = { '/v1/oauth2/token': { access_token: 'example', token_type: 'Bearer', expires_in: 3600 }, '/v2/checkout/orders': { id: 'example' } };
const server = http.createServer(async (request, response) => {
  sent = '';
  for await (const chunk of request) sent += chunk;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(answers[request.url] ?? { customer: { id: 'c', given_name: 'A', added_later: true } }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();

const square = new SquareClient({ token: 'example', baseUrl: `http://127.0.0.1:${port}`, maxRetries: 0 });
await square.payments.create({ sourceId: 's', idempotencyKey: 'k', amount_money: { amount: 500n, currency: 'USD' }, reference_id: 'r' });
console.log(`square, create a payment: ${sent}`);
const { customer } = await square.customers.get({ customerId: 'c' });
await square.customers.update({ customerId: 'c', ...customer });
console.log(`square, update a customer that was read with ${Object.keys(customer).join(', ')}: ${sent}`);

// The PayPal SDK takes no base address. Its connections go to the local server instead.
const httpsAgent = new https.Agent();
httpsAgent.createConnection = () => net.connect(port, '127.0.0.1');
const clientCredentialsAuthCredentials = { oAuthClientId: 'example', oAuthClientSecret: 'example' };
const paypal = new Client({ clientCredentialsAuthCredentials, environment: Environment.Sandbox, httpClientOptions: { httpsAgent } });
const amount = { currencyCode: 'EUR', value: '5.00' };
await new OrdersController(paypal).createOrder({ body: { intent: 'CAPTURE', purchaseUnits: [{ amount, custom_id: 'r', invoice_id: 'i' }] } });
console.log(`paypal, create an order: ${sent}`);
server.close();
JS
expected=$(cat <<'TEXT'
square, create a payment: {"source_id":"s","idempotency_key":"k"}
square, update a customer that was read with id, givenName, added_later: {"given_name":"A"}
paypal, create an order: {"intent":"CAPTURE","purchase_units":[{"amount":{"currency_code":"EUR","value":"5.00"}}]}
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
