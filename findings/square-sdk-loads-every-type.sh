#!/usr/bin/env bash
# square 46.0.0: require("square") loads 3,591 files before the first call, stripe 23.1.0 219 and @notionhq/client 5.26.0 27.
#
# Every type has a file of its own and one more that (de)serialises it, and the entry loads them all; the package exports no smaller entry
# for one API. On the machine where it was seen that took 0.9 s of processor time and 75 MB of memory, in each process that imports it, whether
# it calls Square or not. A service of many providers loads such an SDK when a call needs it, not at its start.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent square@46.0.0 stripe@23.1.0 @notionhq/client@5.26.0
cat >observe.mjs <<'JS'
import { execFileSync } from 'node:child_process';

const count = 'require(process.argv[1]); console.log(Object.keys(require.cache).length)';
for (const name of ['square', 'stripe', '@notionhq/client']) {
  console.log(`${name}: ${execFileSync(process.execPath, ['-e', count, name], { encoding: 'utf8' }).trim()} files`);
}
JS
expected=$(cat <<'TEXT'
square: 3591 files
stripe: 219 files
@notionhq/client: 27 files
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
