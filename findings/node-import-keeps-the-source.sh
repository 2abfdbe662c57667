#!/usr/bin/env bash
# Node 24.21.0: a CommonJS program that is started with `--import` keeps its source in memory twice for as long as it runs; with `--require`, once.
#
# With `--import` the ES module loader starts the program. It keeps the buffer that it has read beside the string that V8 keeps of every program, and
# a third copy until the program has run to the end of its file. A service that is bundled into one file of 6 MB so starts with 12 MB more and keeps 6.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent node@24.21.0
echo '' >nothing.cjs
node -e '
const program = `setTimeout(() => {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  console.log(Math.round((heapUsed + external) / 1048576 / 16));
}, 1000);`;
require("node:fs").writeFileSync("program.cjs", `${program}\n/*${"x".repeat(16 * 1048576)}*/`);
'
seen=$(for option in --import --require; do
  echo "$option: $(node_modules/.bin/node --expose-gc "$option" ./nothing.cjs program.cjs) times the source"
done)
printf '%s\n' "$seen"
expected=$(cat <<'TEXT'
--import: 2 times the source
--require: 1 times the source
TEXT
)
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
