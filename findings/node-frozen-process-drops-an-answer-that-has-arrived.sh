#!/usr/bin/env bash
# Node 24.21.0: a process that is frozen beyond the time of `AbortSignal.timeout` throws away an answer that arrived in time. The answer waits in the
# socket when the process goes on, but the event loop runs timers before it reads the network, so that the call fails with TimeoutError.
#
# The server below answers after 0.3 s, the call may take 2 s, and the process is stopped from 0.1 s to 3 s, as a paused container, a suspended
# virtual machine or SIGSTOP does. What was answered once, such as a rotating refresh token, is lost, and the error reads like a slow server. A timer
# that gives the loop one more turn when it finds itself late reads the answer.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0
cat >call.mjs <<'JS'
const [port, way] = process.argv.slice(2);
function patient(ms) {
  const controller = new AbortController();
  const due = performance.now() + ms;
  const late = () => controller.abort(new DOMException('late', 'TimeoutError'));
  setTimeout(() => (performance.now() - due < 250 ? late() : setTimeout(late, 1000).unref()), ms).unref();
  return controller.signal;
}
const signal = way === 'patient' ? patient(2000) : AbortSignal.timeout(2000);
try {
  process.send('calling');
  const response = await fetch(`http://127.0.0.1:${port}/`, { signal });
  process.send(`answered with ${await response.text()}`);
} catch (error) {
  process.send(`failed with ${error.name}`);
}
process.disconnect();
JS
cat >main.mjs <<'JS'
import { fork } from 'node:child_process';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
const server = createServer(async (_, response) => {
  await delay(300);
  response.end('a token');
}).listen(0, '127.0.0.1');
await new Promise((resolve) => server.once('listening', resolve));
async function call(way, isFrozen) {
  const child = fork('call.mjs', [String(server.address().port), way]);
  const said = [];
  const calling = new Promise((resolve) => child.once('message', resolve));
  child.on('message', (line) => said.push(line));
  const over = new Promise((resolve) => child.once('exit', resolve));
  await calling;
  if (isFrozen) {
    await delay(100);
    child.kill('SIGSTOP');
    await delay(2900);
    child.kill('SIGCONT');
  }
  await over;
  console.log(`${way}, ${isFrozen ? 'frozen' : 'not frozen'}: ${said.at(-1)}`);
}
await call('AbortSignal.timeout', false);
await call('AbortSignal.timeout', true);
await call('patient', true);
server.close();
JS
seen=$(node_modules/.bin/node main.mjs)
printf '%s\n' "$seen"
expected=$(cat <<'TEXT'
AbortSignal.timeout, not frozen: answered with a token
AbortSignal.timeout, frozen: failed with TimeoutError
patient, frozen: answered with a token
TEXT
)
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
