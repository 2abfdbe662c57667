#!/usr/bin/env bash
# @aws-sdk/client-kms 3.1162.0: requestTimeout, of the client or of one call, ends nothing. The SDK writes a warning to the console and waits on.
#
# An answer that takes a second is taken with a requestTimeout of 200 ms, and a server that never answers holds the call for ever. Before
# @smithy/node-http-handler 4.4.0 (2025-10) the same setting ended the call, and code that was written for that meets the newer handler by an update of
# its lockfile alone. The handler is the one of every client of the SDK. https://github.com/smithy-lang/smithy-typescript/pull/1745 (2025-10-13)
#
# What to do: set throwOnRequestTimeout beside requestTimeout for the whole call, or socketTimeout for silence on the socket. Both throw TimeoutError.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @aws-sdk/client-kms@3.1162.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';

const server = http.createServer((request, response) => {
  request.resume();
  setTimeout(() => {
    response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' });
    response.end(JSON.stringify({ KeyMetadata: { KeyId: 'example' } }));
  }, 1_000);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
let warnings = 0;
console.warn = () => (warnings += 1);
async function ask(what, requestHandler, options = {}) {
  warnings = 0;
  const client = new KMSClient({
    region: 'eu-central-1',
    endpoint: `http://127.0.0.1:${server.address().port}`,
    credentials: { accessKeyId: 'example', secretAccessKey: 'example' },
    maxAttempts: 1,
    requestHandler,
  });
  const begun = Date.now();
  const outcome = await client.send(new DescribeKeyCommand({ KeyId: 'example' }), options).then(
    () => 'answered',
    (error) => error.name,
  );
  console.log(`${what}: ${outcome} after ${Date.now() - begun < 900 ? 'less' : 'more'} than 0.9 s, warnings: ${warnings}`);
}
await ask('requestTimeout of the client', { requestTimeout: 200 });
await ask('requestTimeout of the call', {}, { requestTimeout: 200 });
await ask('with throwOnRequestTimeout', { requestTimeout: 200, throwOnRequestTimeout: true });
await ask('socketTimeout', { socketTimeout: 200 });
server.close();
server.closeAllConnections();
JS
expected=$(cat <<'TEXT'
requestTimeout of the client: answered after more than 0.9 s, warnings: 1
requestTimeout of the call: answered after more than 0.9 s, warnings: 1
with throwOnRequestTimeout: TimeoutError after less than 0.9 s, warnings: 0
socketTimeout: TimeoutError after less than 0.9 s, warnings: 0
TEXT
)
seen=$(node observe.mjs 2>/dev/null)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
