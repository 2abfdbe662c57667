#!/usr/bin/env bash
# @aws-sdk/client-kms 3.1130.0: all calls of a client share one store of retries. An outage of a few calls empties it, and then each call is made once,
# whatever maxAttempts says. How few depends on @smithy/core, which a client's exact version does not fix: the client of August takes that of today.
#
# The store holds 500. Since @smithy/core 3.40.0 (2026-11-10), where AWS_NEW_RETRIES_2026 became the default, a retry after a server error takes 14, and 10
# before. A call that succeeds at once gives back 1: here fifteen successes pay for one retry. It is one store for all tenants of a process.
# https://aws.amazon.com/blogs/developer/announcing-updated-retry-behavior-for-aws-sdks-and-tools/ (read 2026-11-30)
#
# What to do: let the caller repeat what has to be done, and look at $metadata.attempts of an error before assuming that it was repeated.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >observe.mjs <<'JS'
import http from 'node:http';
import { DescribeKeyCommand, KMSClient } from '@aws-sdk/client-kms';

let requests = 0;
let away = true;
const server = http.createServer((request, response) => {
  requests += 1;
  request.resume();
  response.writeHead(away ? 500 : 200, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(JSON.stringify(away ? { __type: 'KMSInternalException' } : { KeyMetadata: { KeyId: 'example' } }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new KMSClient({
  region: 'eu-central-1',
  endpoint: `http://127.0.0.1:${server.address().port}`,
  credentials: { accessKeyId: 'example', secretAccessKey: 'example' },
  maxAttempts: 3,
});
async function requestsOf(calls) {
  const each = [];
  for (let call = 0; call < calls; call += 1) {
    requests = 0;
    await client.send(new DescribeKeyCommand({ KeyId: 'example' })).catch(() => undefined);
    each.push(requests);
  }
  return each;
}
const outage = await requestsOf(40);
console.log(`  calls made three times: ${outage.filter((made) => made === 3).length}, the last ten: ${outage.slice(-10).join(' ')}`);
away = false;
await requestsOf(15);
away = true;
console.log(`  the next two after 15 that succeeded: ${(await requestsOf(2)).join(' ')}`);
server.close();
JS
for core in 3.39.0 3.40.0; do
  printf '{"dependencies":{"@aws-sdk/client-kms":"3.1130.0"},"overrides":{"@smithy/core":"%s"}}\n' "$core" >package.json
  rm -rf node_modules package-lock.json
  npm install --no-audit --no-fund --silent
  printf '@smithy/core %s\n' "$core" >>seen.txt
  node observe.mjs >>seen.txt 2>/dev/null
done
expected=$(cat <<'TEXT'
@smithy/core 3.39.0
  calls made three times: 25, the last ten: 1 1 1 1 1 1 1 1 1 1
  the next two after 15 that succeeded: 2 1
@smithy/core 3.40.0
  calls made three times: 17, the last ten: 1 1 1 1 1 1 1 1 1 1
  the next two after 15 that succeeded: 2 1
TEXT
)
seen=$(cat seen.txt)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
