#!/usr/bin/env bash
# stripe 23.1.0: a big.js value in unit_amount_decimal is sent as its private fields and the source text of its constructor; decimal.js and bignumber.js values are sent as text, a small one as 1e-7.
#
# The typings accept Stripe.Decimal only, but the SDK takes everything with toFixed() and isZero() for one, which Big lacks, and only in fields that it
# knows as decimals. Anywhere else, such as metadata, even its own Stripe.Decimal becomes two private fields. A reader expects toString() or an error;
# nothing throws before the call. https://github.com/stripe/stripe-node/pull/2617 (2026-03-20) says that decimals are detected by duck typing, and names no
# other library.
#
# What to do: give the SDK text in plain notation, which toFixed() without an argument is in all three, and Stripe.Decimal in typed decimal fields only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0 big.js@7.0.1 bignumber.js@11.1.5 decimal.js@10.6.0
cat >observe.mjs <<'JS'
import Big from 'big.js';
import BigNumber from 'bignumber.js';
import Decimal from 'decimal.js';
import http from 'node:http';
import { Stripe } from 'stripe';

let body;
const server = http.createServer(async (request, response) => {
  body = (await request.toArray()).join('');
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"example"}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port: server.address().port, protocol: 'http', maxNetworkRetries: 0 });
const sent = () => [...new URLSearchParams(body)].map(([name, value]) => `${name}=${value.replace(/\s+/g, ' ').slice(0, 20)}`).join('&');
for (const [name, value] of Object.entries({ 'Stripe.Decimal': Stripe.Decimal.from('0.0000001'), Decimal: new Decimal('0.0000001'), BigNumber: new BigNumber('0.0000001'), Big: new Big('0.0000001') })) {
  await stripe.prices.create({ unit_amount_decimal: value });
  console.log(`${name}: ${sent()}`);
}
for (const value of [new Decimal('0.0000001'), new BigNumber('0.0000001'), new Big('0.0000001')]) {
  await stripe.prices.create({ unit_amount_decimal: value.toFixed() });
  console.log(`toFixed(): ${sent()}`);
}
await stripe.prices.create({ metadata: { rate: Stripe.Decimal.from('0.0000001') } });
console.log(`Stripe.Decimal in metadata: ${sent()}`);
server.close();
JS
expected=$(cat <<'TEXT'
Stripe.Decimal: unit_amount_decimal=0.0000001
Decimal: unit_amount_decimal=1e-7
BigNumber: unit_amount_decimal=1e-7
Big: unit_amount_decimal[s]=1&unit_amount_decimal[e]=-7&unit_amount_decimal[c][0]=1&unit_amount_decimal[constructor]=function Big(n) { va
toFixed(): unit_amount_decimal=0.0000001
toFixed(): unit_amount_decimal=0.0000001
toFixed(): unit_amount_decimal=0.0000001
Stripe.Decimal in metadata: metadata[rate][_coefficient]=1&metadata[rate][_exponent]=-7
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
