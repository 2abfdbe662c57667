#!/usr/bin/env bash
# vitest 5.1.1 on Node 24.21.0: with coverage by v8, NODE_DISABLE_COMPILE_CACHE=1 stands in the environment of the test workers, and of every process that a test starts.
#
# Node then compiles everything anew in those processes too, although no coverage is taken in them and NODE_COMPILE_CACHE names a filled folder. Tests that start
# the program under test run faster without coverage for a reason that nobody looks for.
#
# What to do: delete the variable in a setup file, or leave it out of the environment that is given to child processes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0 vitest@5.1.1 @vitest/coverage-v8@5.1.1
cat >child.mjs <<'JS'
import { enableCompileCache, constants } from 'node:module';
const { status } = enableCompileCache('cache');
const name = Object.entries(constants.compileCacheStatus).find(([, value]) => value === status)?.[0];
console.log(`NODE_DISABLE_COMPILE_CACHE=${process.env.NODE_DISABLE_COMPILE_CACHE}, ${name}`);
JS
cat >observe.test.mjs <<'JS'
import { execFileSync } from 'node:child_process';
import { appendFileSync } from 'node:fs';
import { it } from 'vitest';

it('starts a process', () => {
  appendFileSync('seen.txt', execFileSync(process.execPath, ['child.mjs']));
});
JS
unset NODE_DISABLE_COMPILE_CACHE
run() { node_modules/node/bin/node node_modules/vitest/vitest.mjs run --pool=forks "$@" >/dev/null; }
run
run --coverage.enabled --coverage.provider=v8
expected=$(cat <<'TEXT'
NODE_DISABLE_COMPILE_CACHE=undefined, ENABLED
NODE_DISABLE_COMPILE_CACHE=1, DISABLED
TEXT
)
seen=$(cat seen.txt)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
