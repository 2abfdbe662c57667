#!/usr/bin/env bash
# emulate 0.12.2, Stripe emulator: a repeated Idempotency-Key creates a second object, an update replaces metadata, and a route that it lacks resolves in the Stripe SDK as a success.
#
# Stripe replays the first answer to a key (its page on idempotent requests, read 2026-11-28). The typings of its SDK (stripe 23.1.0) say that
# metadata is unset key by key and that a deleted customer is retrieved as such. So a test of safe retries fails for correct code, and
# refunds.create() passes without a refund: the emulator's 404 has no `error` member, which is all that the SDK looks for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent emulate@0.12.2 stripe@23.1.0
cat >observe.mjs <<'JS'
import { createEmulator } from 'emulate';
import net from 'node:net';
import { Stripe } from 'stripe';

const probe = net.createServer().listen(0, '127.0.0.1');
await new Promise((listening) => probe.once('listening', listening));
const { port } = probe.address();
await new Promise((closed) => probe.close(closed));
const emulator = await createEmulator({ service: 'stripe', port });
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0 });
const create = () => stripe.customers.create({ name: 'Example', metadata: { first: '1' } }, { idempotencyKey: 'key' });
const [{ id }, again] = [await create(), await create()];
console.log(`the same key twice gives the same customer: ${again.id === id}`);
const { metadata } = await stripe.customers.update(id, { metadata: { second: '2' } });
console.log(`metadata {"first":"1"} updated with {"second":"2"}: ${JSON.stringify(metadata)}`);
await stripe.customers.del(id);
console.log(`a deleted customer: ${await stripe.customers.retrieve(id).then(({ deleted }) => `deleted ${deleted}`, ({ code }) => code)}`);
const refund = await stripe.refunds.create({ payment_intent: 'pi_example' });
console.log(`refunds.create: HTTP ${refund.lastResponse.statusCode}, resolves with id ${refund.id}, message ${refund.message}`);
await emulator.close();
process.exit(0);
JS
expected=$(cat <<'TEXT'
the same key twice gives the same customer: false
metadata {"first":"1"} updated with {"second":"2"}: {"second":"2"}
a deleted customer: resource_missing
refunds.create: HTTP 404, resolves with id undefined, message Not Found
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
