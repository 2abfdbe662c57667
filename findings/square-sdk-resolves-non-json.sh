#!/usr/bin/env bash
# square 46.0.0: a 200 whose body is not JSON resolves with { ok: false, error } in the place of the typed answer; an HTML 502 throws with an error code that nobody sent.
#
# The page of a proxy or a login portal becomes a payment answer without a payment, and nothing throws; an empty 200 does throw. The typings know
# no `ok`. And V1_ERROR in errors does not mean that Square answered.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent square@46.0.0
cat >observe.mjs <<'JS'
import http from 'node:http';
import { SquareClient } from 'square';

let answer;
const server = http.createServer((request, response) => {
  response.writeHead(answer[0], { 'content-type': 'text/html' }).end(answer[1]);
});
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const client = new SquareClient({ token: 'example', baseUrl: `http://127.0.0.1:${server.address().port}`, maxRetries: 0 });
for (answer of [[200, '<html>'], [200, ''], [502, '<html>']]) {
  const outcome = await client.payments.get({ paymentId: 'example' }).then(
    (result) => `resolves ${JSON.stringify(result)}`,
    ({ constructor, errors }) => `throws ${constructor.name}, errors ${JSON.stringify(errors)}`,
  );
  console.log(`HTTP ${answer[0]} "${answer[1]}": ${outcome}`);
}
server.close();
JS
expected=$(cat <<'TEXT'
HTTP 200 "<html>": resolves {"ok":false,"error":{"reason":"non-json","statusCode":200,"rawBody":"<html>"}}
HTTP 200 "": throws ParseError, errors [{"path":["response"],"message":"Expected object. Received undefined."}]
HTTP 502 "<html>": throws SquareError, errors [{"category":"V1_ERROR","code":"Unknown"}]
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
