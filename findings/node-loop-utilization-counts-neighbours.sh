#!/usr/bin/env bash
# node 24.21.0: performance.eventLoopUtilization() counts the time that other programs take. A process that uses a fifth of a processor shows as nearly full when its neighbours are busy.
#
# The loop counts as active from one return of the poll to the next call of it, by the wall clock. While the scheduler runs somebody else, it stays active,
# although this process does nothing. The documentation says that the number is not the use of a processor, and compares it with that one:
# https://nodejs.org/docs/latest-v24.x/api/perf_hooks.html#performanceeventlooputilizationutilization1-utilization2 (2026-11). Packages that refuse requests
# above a utilization, such as @fastify/under-pressure with maxEventLoopUtilization, refuse them for what a neighbour does.
#
# What to do: compare with process.cpuUsage() over the same time. Active time that is no processor time was waited for a processor.
set -euo pipefail
command -v taskset >/dev/null || { echo 'This needs taskset (util-linux).' >&2; exit 2; }
folder=$(mktemp -d)
neighbours=()
trap 'kill "${neighbours[@]}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0
cat >observe.mjs <<'JS'
import { performance } from 'node:perf_hooks';

const cpuMs = () => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};
const before = { loop: performance.eventLoopUtilization(), cpuMs: cpuMs(), at: performance.now() };
// Twenty milliseconds of processor time, ten times a second.
const work = setInterval(() => {
  const until = cpuMs() + 20;
  while (cpuMs() < until);
}, 100);
setTimeout(() => {
  clearInterval(work);
  const { utilization } = performance.eventLoopUtilization(before.loop);
  const cpu = (cpuMs() - before.cpuMs) / (performance.now() - before.at);
  console.log(`${process.argv[2]}: processor below a third: ${cpu < 0.34}, event loop below a third: ${utilization < 0.34}, above two thirds: ${utilization > 0.67}`);
}, 5_000);
JS
# A neighbour is busy for half a minute at most.
echo 'const until = Date.now() + 30_000; while (Date.now() < until);' >neighbour.mjs
processor=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
node=node_modules/.bin/node
seen=$(taskset -c "$processor" "$node" observe.mjs 'alone')
for _ in 1 2 3 4; do
  taskset -c "$processor" "$node" neighbour.mjs &
  neighbours+=($!)
done
seen+=$'\n'$(taskset -c "$processor" "$node" observe.mjs 'beside four busy programs')
expected=$(cat <<'TEXT'
alone: processor below a third: true, event loop below a third: true, above two thirds: false
beside four busy programs: processor below a third: true, event loop below a third: false, above two thirds: true
TEXT
)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed, or this processor was in use before. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
