#!/usr/bin/env bash
# @googleapis/calendar 20.0.1 (gaxios 8.3.3): the client repeats a PUT or DELETE by itself, also one with If-Match. When the first attempt was carried out
# and its answer was a 503, the caller gets the 412 or 410 of the repetition: a write that succeeded looks like a conflict, or like somebody else's deletion.
#
# Three repetitions, within about two seconds, of GET, PUT and DELETE on 429 and 5xx; a Retry-After is not waited for. A POST or PATCH is not repeated.
#
# What to do: give `retryConfig: { retry: 0 }` (options of the API or of the call), or read the object again before a 412 is taken for a conflict.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @googleapis/calendar@20.0.1 googleapis-common@9.3.1 gaxios@8.3.3
cat >observe.mjs <<'JS'
import http from 'node:http';
import { calendar_v3 } from '@googleapis/calendar';

// An event with an ETag. `lost` answers that many carried-out requests with 503; `busy` refuses all with 429.
let event;
let lost;
let busy;
let requests;
function answer({ method, headers }) {
  if (busy) return [429, { error: { code: 429, message: 'later' } }];
  if (event === null) return [410, { error: { code: 410, message: 'deleted' } }];
  if (headers['if-match'] !== undefined && headers['if-match'] !== event.etag) return [412, { error: { code: 412, message: 'changed' } }];
  event = method === 'DELETE' ? null : { etag: `"${Number(event.etag.slice(1, -1)) + 1}"` };
  lost -= 1;
  return lost >= 0 ? [503, { error: { code: 503, message: 'unavailable' } }] : [200, event ?? {}];
}
const server = http.createServer((request, response) => {
  requests += 1;
  request.resume();
  const [status, body] = answer(request);
  response.writeHead(status, { 'content-type': 'application/json', 'retry-after': '5' });
  response.end(JSON.stringify(body));
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const { events } = new calendar_v3.Calendar({ rootUrl: `http://127.0.0.1:${server.address().port}/` });
const which = { calendarId: 'example', eventId: 'example' };
const condition = { headers: { 'If-Match': '"1"' } };
async function show(what, call, { refused = false } = {}) {
  [event, lost, busy, requests] = [{ etag: '"1"' }, 1, refused, 0];
  const begun = Date.now();
  const status = await call().then(
    (response) => response.status,
    (error) => error.status,
  );
  const state = event === null ? 'deleted' : `at version ${event.etag}`;
  console.log(`${what}: HTTP ${status}, requests: ${requests}, the event is ${state}${refused ? `, waited 5 s: ${Date.now() - begun >= 5_000}` : ''}`);
}
await show('update', () => events.update({ ...which, requestBody: {} }, condition));
await show('delete', () => events.delete(which, condition));
await show('patch', () => events.patch({ ...which, requestBody: {} }, condition));
await show('update, retry 0', () => events.update({ ...which, requestBody: {} }, { ...condition, retryConfig: { retry: 0 } }));
await show('update, 429 with Retry-After: 5', () => events.update({ ...which, requestBody: {} }, condition), { refused: true });
server.close();
JS
expected=$(cat <<'TEXT'
update: HTTP 412, requests: 2, the event is at version "2"
delete: HTTP 410, requests: 2, the event is deleted
patch: HTTP 503, requests: 1, the event is at version "2"
update, retry 0: HTTP 503, requests: 1, the event is at version "2"
update, 429 with Retry-After: 5: HTTP 429, requests: 4, the event is at version "1", waited 5 s: false
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
