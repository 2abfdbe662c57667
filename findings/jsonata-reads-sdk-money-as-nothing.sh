#!/usr/bin/env bash
# jsonata 2.2.2 over an answer of square 46.0.0: an amount (BigInt) is false in a condition and equals no number, so a rule takes a paid order for a free one without an error.
#
# A reader expects a value that the language does not know to raise an error. Arithmetic and > do; = answers false, a filter finds nothing, and a condition
# takes its other branch: BigInt stands in none of the rules by which $boolean converts
# (https://www.stedi.com/docs/mappings/jsonata/jsonata-functions/boolean, read 2026-11-28). A Stripe.Decimal of stripe 23.1.0 likewise is neither a number nor
# the text that it prints as. Over the plain JSON of the same answers, the same rules do what they say. No issue of jsonata-js/jsonata about BigInt was found
# on 2026-11-28.
#
# What to do: evaluate expressions over the provider's JSON or over records of one's own, never over objects of an SDK.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent jsonata@2.2.2 square@46.0.0 stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import jsonata from 'jsonata';
import { SquareClient } from 'square';
import { Stripe } from 'stripe';

const answers = {
  '/v2/payments/example': { payment: { id: 'example', amount_money: { amount: 500, currency: 'EUR' } } },
  '/v1/prices/example': { id: 'example', object: 'price', unit_amount_decimal: '1.5' },
};
const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answers[request.url]));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();
const { payment } = await new SquareClient({ token: 'example', environment: `http://127.0.0.1:${port}` }).payments.get({ paymentId: 'example' });
const price = await new Stripe('sk_test_example', { host: '127.0.0.1', port, protocol: 'http' }).prices.retrieve('example');
server.close();
server.closeAllConnections();

const money = { 'from the SDK': { amount: payment.amountMoney.amount }, 'from JSON': { amount: answers['/v2/payments/example'].payment.amount_money.amount } };
const decimal = { 'from the SDK': { amount: price.unit_amount_decimal }, 'from JSON': { amount: answers['/v1/prices/example'].unit_amount_decimal } };
async function compare(provider, inputs, expression) {
  const outcome = (input) => jsonata(expression).evaluate(input).then((value) => JSON.stringify(value) ?? 'nothing', ({ code }) => `error ${code}`);
  const seen = [];
  for (const [source, input] of Object.entries(inputs)) seen.push(`${source} ${await outcome(input)}`);
  console.log(`${provider} ${expression}: ${seen.join(', ')}`);
}
for (const expression of ['amount ? "paid" : "free"', 'amount = 500', '$[amount = 500] ? "found"', '$type(amount)', 'amount * 2', 'amount > 0']) await compare('Square', money, expression);
for (const expression of ['amount = "1.5"', '$type(amount)', '$number(amount) * 2']) await compare('Stripe', decimal, expression);
JS
expected=$(cat <<'TEXT'
Square amount ? "paid" : "free": from the SDK "free", from JSON "paid"
Square amount = 500: from the SDK false, from JSON true
Square $[amount = 500] ? "found": from the SDK nothing, from JSON "found"
Square $type(amount): from the SDK "object", from JSON "number"
Square amount * 2: from the SDK error T2001, from JSON 1000
Square amount > 0: from the SDK error T2010, from JSON true
Stripe amount = "1.5": from the SDK false, from JSON true
Stripe $type(amount): from the SDK "object", from JSON "string"
Stripe $number(amount) * 2: from the SDK error T0410, from JSON 3
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
