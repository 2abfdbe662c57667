#!/usr/bin/env bash
# openid-client 6.8.9: a token answer with scope, refresh_token or expires_in set to null throws after the provider has used up the code; the number in a string is taken.
#
# A null field is not taken as an absent one, and the access token that came along never reaches the caller as a result.
# expires_in is read as parseFloat reads: "3600" is accepted, and "1h" means one second.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent openid-client@6.8.9 oauth4webapi@3.8.8
cat >observe.mjs <<'JS'
import http from 'node:http';
import * as oauth from 'openid-client';

let fields = {};
const server = http.createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ access_token: 'example', token_type: 'bearer', expires_in: 3600, ...fields }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const config = new oauth.Configuration({ issuer, token_endpoint: `${issuer}/token` }, 'client', 'example');
oauth.allowInsecureRequests(config);
const callback = new URL('http://localhost/callback?code=c&state=s');
for (fields of [{}, { scope: null }, { refresh_token: null }, { expires_in: null }, { expires_in: '3600' }, { expires_in: '1h' }]) {
  const outcome = await oauth.authorizationCodeGrant(config, callback, { expectedState: 's' }).then(
    (tokens) => `expires_in ${tokens.expires_in}`,
    (error) => `${error.code}: ${error.cause.message}`,
  );
  console.log(`${JSON.stringify(fields)} ${outcome}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
{} expires_in 3600
{"scope":null} OAUTH_INVALID_RESPONSE: "response" body "scope" property must be a string
{"refresh_token":null} OAUTH_INVALID_RESPONSE: "response" body "refresh_token" property must be a string
{"expires_in":null} OAUTH_INVALID_RESPONSE: "response" body "expires_in" property must be a number
{"expires_in":"3600"} expires_in 3600
{"expires_in":"1h"} expires_in 1
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
