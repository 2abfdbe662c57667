#!/usr/bin/env bash
# intuit-oauth 4.2.5: refresh() sends the refresh token four times within about seven seconds when the token endpoint fails, and offers no option to turn that off.
#
# A caller with a retry policy of its own multiplies it by four, and a timeout of five seconds ends in the middle: the outcome of the last
# request, which may have rotated the token, is then never seen.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent intuit-oauth@4.2.5
cat >observe.mjs <<'JS'
import http from 'node:http';
import OAuthClient from 'intuit-oauth';

const bodies = [];
const server = http.createServer((request, response) => {
  let body = '';
  request.on('data', (chunk) => (body += chunk));
  request.on('end', () => {
    bodies.push(body);
    response.writeHead(500, { 'content-type': 'application/json' }).end('{"error":"server_error"}');
  });
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
OAuthClient.tokenEndpoint = `http://127.0.0.1:${server.address().port}/token`;
const client = new OAuthClient({ clientId: 'a', clientSecret: 'b', environment: 'sandbox', redirectUri: 'http://localhost/callback' });
client.token.setToken({ token_type: 'bearer', access_token: 'x', refresh_token: 'r', expires_in: 3600, x_refresh_token_expires_in: 8726400 });
const begun = Date.now();
await client.refresh().catch(() => undefined);
console.log(`${bodies.length} requests, all with the same refresh token: ${bodies.every((body) => body.includes('refresh_token=r'))}, after at least 6 s: ${Date.now() - begun > 6_000}`);
server.close();
JS
expected=$(cat <<'TEXT'
4 requests, all with the same refresh token: true, after at least 6 s: true
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
