#!/usr/bin/env bash
# xero-node 20.0.0: fields that the SDK does not know are dropped when an answer is read, and dates that its typings call string are Date objects.
#
# A program that reads an invoice, changes one field and sends it back sends it without every field that Xero has added since the SDK was
# generated. And code that trusts the typings, such as invoice.date.slice(0, 10), compiles and throws.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent xero-node@20.0.0
cat >observe.mjs <<'JS'
import { readFile } from 'node:fs/promises';
import http from 'node:http';
import { XeroClient } from 'xero-node';

const line = { LineItemID: 'l', UnitAmount: 0.1235, AddedLater: 'kept?' };
let sent = '';
const server = http.createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  if (request.method === 'POST') sent = body;
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ Invoices: [{ InvoiceID: 'i', Date: '/Date(1781049600000+0000)/', LineItems: [line] }] }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const xero = new XeroClient({ clientId: 'a', clientSecret: 'b', redirectUris: ['http://localhost/callback'], scopes: ['openid'] });
xero.accountingApi.basePath = `http://127.0.0.1:${server.address().port}/api.xro/2.0`;
xero.setTokenSet({ access_token: 'example', expires_in: 1800 });
const [invoice] = (await xero.accountingApi.getInvoices('tenant')).body.invoices;
const typings = await readFile('node_modules/xero-node/dist/gen/model/accounting/invoice.d.ts', 'utf8');
console.log(`date: typed ${/'date'\?: (\w+);/.exec(typings)[1]}, is a Date: ${invoice.date instanceof Date}`);
const pascal = (name) => (name === 'lineItemID' ? 'LineItemID' : name[0].toUpperCase() + name.slice(1));
const known = Object.entries(invoice.lineItems[0]).filter(([, value]) => value !== undefined);
console.log(`fields of the line that was read: ${known.map(([name]) => pascal(name)).join(', ')}`);
await xero.accountingApi.updateOrCreateInvoices('tenant', { invoices: [invoice] });
console.log(`fields of the line that is sent back: ${Object.keys(JSON.parse(sent).Invoices[0].LineItems[0]).join(', ')}`);
server.close();
JS
expected=$(cat <<'TEXT'
date: typed string, is a Date: true
fields of the line that was read: LineItemID, UnitAmount
fields of the line that is sent back: LineItemID, UnitAmount
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
