#!/usr/bin/env bash
# @mailchimp/mailchimp_marketing 3.0.80: an answer {} resolves as the two-character string "{}", and a 200 that is an HTML page or has no body as a string too; none of them throws.
#
# Reading a field of such a string gives undefined, so a page of a proxy counts as a list without members, and `typeof answer === 'object'` or a
# schema refuses a valid empty answer. With any field in it the answer is an object.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @mailchimp/mailchimp_marketing@3.0.80
cat >observe.mjs <<'JS'
import mailchimp from '@mailchimp/mailchimp_marketing';
import http from 'node:http';

const answers = {
  object: ['application/json', '{}'],
  fields: ['application/json', '{"members":[]}'],
  page: ['text/html', '<html>'],
  nothing: ['application/json', ''],
};
const server = http.createServer((request, response) => {
  const [type, body] = answers[request.url.split('/').at(-2)];
  response.writeHead(200, { 'content-type': type }).end(body);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
mailchimp.setConfig({ accessToken: 'example', server: 'us1' });
mailchimp.basePath = `http://127.0.0.1:${server.address().port}/3.0`;
for (const [list, [type, body]] of Object.entries(answers)) {
  const answer = await mailchimp.lists.getListMembersInfo(list);
  console.log(`${type} "${body}": ${typeof answer} ${JSON.stringify(answer)}, members ${JSON.stringify(answer.members)}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
application/json "{}": string "{}", members undefined
application/json "{"members":[]}": object {"members":[]}, members []
text/html "<html>": string "<html>", members undefined
application/json "": string "", members undefined
TEXT
)
seen=$(node --no-deprecation observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
