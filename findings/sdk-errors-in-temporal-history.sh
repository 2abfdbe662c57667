#!/usr/bin/env bash
# xero-node 20.0.0 and square 46.0.0 in a Temporal activity (TypeScript SDK 1.24.0): a refused call puts the provider's whole answer, with the record that was refused, into the workflow's history.
#
# xero-node rejects with a text, not an Error; the text holds body and headers, and Temporal makes it the failure's message, without a type by which to stop
# retries. Square's Error has the body in its message. A reader expects what stripe 23.1.0 gives: a message, with the body beside it in a property, which
# Temporal leaves out. Providers repeat the submitted record in their validation errors, so a customer's address lands where it cannot be deleted from.
# XeroAPI/xero-node has an open pull request for Error objects (https://github.com/XeroAPI/xero-node/pull/812, 2026-06-19).
#
# What to do: catch every SDK's error inside the activity and throw an ApplicationFailure with a code and a type of one's own.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @temporalio/common@1.24.0 protobufjs@8.7.1 square@46.0.0 stripe@23.1.0 xero-node@20.0.0
cat >observe.mjs <<'JS'
import { DefaultFailureConverter, defaultPayloadConverter, ensureApplicationFailure } from '@temporalio/common';
import http from 'node:http';
import { SquareClient } from 'square';
import { Stripe } from 'stripe';
import { AccountingApi } from 'xero-node';

const record = { EmailAddress: 'someone@example.com' };
const answer = { Message: 'invalid', Elements: [record], errors: [{ category: 'INVALID_REQUEST_ERROR', code: 'BAD_REQUEST' }], error: { message: 'invalid', record }, record };
const server = http.createServer((request, response) => response.writeHead(400, { 'content-type': 'application/json' }).end(JSON.stringify(answer)));
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { port } = server.address();
const xero = new AccountingApi(`http://127.0.0.1:${port}`);
const square = new SquareClient({ token: 'example', environment: `http://127.0.0.1:${port}` });
const stripe = new Stripe('sk_test_example', { host: '127.0.0.1', port, protocol: 'http' });
const calls = { xero: () => xero.getContact('tenant', 'example'), square: () => square.customers.get({ customerId: 'example' }), stripe: () => stripe.customers.retrieve('example') };
for (const [name, call] of Object.entries(calls)) {
  const error = await call().catch((reason) => reason);
  // The two steps by which a worker turns what an activity throws into the failure that it sends to the server.
  const failure = new DefaultFailureConverter().errorToFailure(ensureApplicationFailure(error), defaultPayloadConverter);
  const { message, applicationFailureInfo: { type } } = failure;
  console.log(`${name}: ${error instanceof Error ? 'Error' : typeof error}, type in Temporal ${type ?? 'none'}, message holds the record ${message.includes(record.EmailAddress)}, failure does ${JSON.stringify(failure).includes(record.EmailAddress)}`);
}
server.close();
server.closeAllConnections();
JS
expected=$(cat <<'TEXT'
xero: string, type in Temporal none, message holds the record true, failure does true
square: Error, type in Temporal SquareError, message holds the record true, failure does true
stripe: Error, type in Temporal StripeInvalidRequestError, message holds the record false, failure does false
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
