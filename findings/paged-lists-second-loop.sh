#!/usr/bin/env bash
# square 46.0.0 and stripe 23.1.0: a list that was looped over with `for await` is used up. A second loop over the same object gives the last page (Square) or nothing (Stripe), without an error.
#
# A reader expects a list to start over, as an array does, or to throw. A count before the work, or a loop tried again after a page has failed, sees fewer
# records and takes the rest for deleted. After a failed page Square starts over from the page that it holds, Stripe's v1 lists throw the old error for
# ever, although the server has recovered, and its v2 lists go on and never give again what came before. After `break` Square starts over and Stripe goes
# on behind it. The READMEs of both versions show one loop and say nothing about a second (read 2026-11-28).
#
# What to do: make the list anew for every loop and every try, inside the function that is retried, and never hand a list object on.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent square@46.0.0 stripe@23.1.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { SquareClient } from 'square';
import { Stripe } from 'stripe';

let failures = 0;
const first = [{ id: 'a' }, { id: 'b' }];
const second = [{ id: 'c' }];
const answers = {
  '/v2/customers': (more) => (more ? { customers: second } : { customers: first, cursor: 'more' }),
  '/v1/customers': (more) => ({ object: 'list', url: '/v1/customers', data: more ? second : first, has_more: !more }),
  '/v2/core/events': (more) => ({ data: more ? second : first, next_page_url: more ? null : '/v2/core/events?page=more' }),
};
const server = http.createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://127.0.0.1');
  const more = ['cursor', 'starting_after', 'page'].some((name) => searchParams.has(name));
  const failed = more && failures-- > 0;
  response.writeHead(failed ? 500 : 200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(failed ? { error: { message: 'example' }, errors: [] } : answers[pathname](more)));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();
const square = new SquareClient({ token: 'example', environment: `http://127.0.0.1:${port}`, maxRetries: 0 });
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0 });
const lists = {
  Square: async () => ({ list: await square.customers.list() }),
  'Stripe v1': () => ({ list: stripe.customers.list() }),
  'Stripe v2': () => ({ list: stripe.v2.core.events.list({ object_id: 'example' }) }),
};
async function loop(list) {
  const seen = [];
  try {
    for await (const { id } of list) seen.push(id);
  } catch {
    seen.push('error');
  }
  return seen.join(' ') || 'nothing';
}
for (const [name, open] of Object.entries(lists)) {
  const { list } = await open();
  console.log(`${name}: first loop ${await loop(list)}, second loop ${await loop(list)}`);
  const { list: left } = await open();
  for await (const _ of left) break;
  console.log(`${name}: after break ${await loop(left)}`);
  failures = 1;
  const { list: failed } = await open();
  console.log(`${name}: with a failed page ${await loop(failed)}, again ${await loop(failed)}`);
}
server.close();
server.closeAllConnections();
JS
expected=$(cat <<'TEXT'
Square: first loop a b c, second loop c
Square: after break a b c
Square: with a failed page a b error, again a b c
Stripe v1: first loop a b c, second loop nothing
Stripe v1: after break b c
Stripe v1: with a failed page a b error, again error
Stripe v2: first loop a b c, second loop nothing
Stripe v2: after break b c
Stripe v2: with a failed page a b error, again c
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
