#!/usr/bin/env bash
# stripe 23.1.0: the context of a parsed event notification is an object without toJSON(); after JSON or structuredClone() a call with it sends "Stripe-Context: [object Object]" instead of the account.
#
# On the wire the field is a text, and most notifications are stored or queued as JSON before they are worked on (a table, a Temporal workflow's input). A
# reader expects the text back, as with the SDK's other class for a field, Decimal, which has toJSON(). Nothing throws before the call, and fetchEvent() and
# fetchRelatedObject(), which would use the account, are gone as well. https://github.com/stripe/stripe-node/pull/2426 (2025-09-26) made the text an object.
#
# What to do: keep the raw body, or String(notification.context), and parse or pass that on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { Stripe } from 'stripe';

let header;
const server = http.createServer((request, response) => {
  header = request.headers['stripe-context'];
  response.writeHead(200, { 'content-type': 'application/json' }).end('{"id":"cus_example","object":"customer"}');
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port: server.address().port, protocol: 'http', maxNetworkRetries: 0 });
const secret = 'whsec_example';
const relatedObject = { id: 'cus_example', type: 'customer', url: '/v1/customers/cus_example' };
const payload = JSON.stringify({ id: 'evt_example', object: 'v2.core.event', type: 'v1.customer.created', created: '2026-01-01T00:00:00Z', livemode: false, related_object: relatedObject, context: 'acct_example' });
const notification = stripe.parseEventNotification(payload, stripe.webhooks.generateTestHeaderString({ payload, secret }), secret);
const stored = JSON.parse(JSON.stringify(notification));

console.log(`context on the wire ${JSON.stringify(JSON.parse(payload).context)}, stored ${JSON.stringify(stored.context)}`);
console.log(`a Stripe.Decimal, stored: ${JSON.stringify(Stripe.Decimal.from('1.5'))}`);
console.log(`fetchRelatedObject: ${typeof notification.fetchRelatedObject}, stored ${typeof stored.fetchRelatedObject}`);
const contexts = { parsed: notification.context, 'after JSON': stored.context, 'after structuredClone': structuredClone(notification.context), 'as text': JSON.parse(JSON.stringify(String(notification.context))) };
for (const [name, stripeContext] of Object.entries(contexts)) {
  await stripe.customers.retrieve('cus_example', {}, { stripeContext });
  console.log(`${name}: Stripe-Context: ${header}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
context on the wire "acct_example", stored {"_segments":["acct_example"]}
a Stripe.Decimal, stored: "1.5"
fetchRelatedObject: function, stored undefined
parsed: Stripe-Context: acct_example
after JSON: Stripe-Context: [object Object]
after structuredClone: Stripe-Context: [object Object]
as text: Stripe-Context: acct_example
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
