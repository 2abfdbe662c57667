#!/usr/bin/env bash
# @googleapis/calendar 20.0.1 (gaxios 8.3.3): error.errors is undefined; in 9.7.9 (gaxios 6) it held Google's reasons. They are left in error.response.data, and headers need get().
#
# A 403 means "forbidden" or "slow down" only by its reason, and the client repeats a 429 but not that 403. Code with error.errors?.[0]?.reason
# keeps running after the update and takes every rate limit for a missing permission.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent calendar-9@npm:@googleapis/calendar@9.7.9 calendar-20@npm:@googleapis/calendar@20.0.1 googleapis-common@9.3.1 gaxios@8.3.3
cat >observe.mjs <<'JS'
import http from 'node:http';

let requests = 0;
const server = http.createServer((request, response) => {
  requests += 1;
  const code = Number(/calendars\/(\d+)\//.exec(request.url)[1]);
  response.writeHead(code, { 'content-type': 'application/json', 'retry-after': '7' });
  response.end(JSON.stringify({ error: { code, message: 'Rate Limit Exceeded', errors: [{ domain: 'usageLimits', reason: 'rateLimitExceeded' }] } }));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
for (const name of ['calendar-9', 'calendar-20']) {
  const { calendar } = await import(name);
  const { events } = calendar({ version: 'v3', rootUrl: `http://127.0.0.1:${server.address().port}/`, auth: 'example' });
  for (const calendarId of ['403', '429']) {
    requests = 0;
    const { errors, response } = await events.list({ calendarId }).catch((error) => error);
    const inBody = response.data.error.errors[0].reason;
    console.log(`${name}, HTTP ${calendarId}: errors ${errors?.[0].reason}, in the body ${inBody}, headers['retry-after'] ${response.headers['retry-after']}, ${requests} request${requests === 1 ? '' : 's'}`);
  }
}
server.close();
JS
expected=$(cat <<'TEXT'
calendar-9, HTTP 403: errors rateLimitExceeded, in the body rateLimitExceeded, headers['retry-after'] 7, 1 request
calendar-9, HTTP 429: errors rateLimitExceeded, in the body rateLimitExceeded, headers['retry-after'] 7, 4 requests
calendar-20, HTTP 403: errors undefined, in the body rateLimitExceeded, headers['retry-after'] undefined, 1 request
calendar-20, HTTP 429: errors undefined, in the body rateLimitExceeded, headers['retry-after'] undefined, 4 requests
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
