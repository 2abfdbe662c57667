#!/usr/bin/env bash
# zod 4.5.0 and later count a string's length in Unicode code points; zod 4.4.3 and earlier count UTF-16 units. Nothing in the schema shows which.
#
# JSON Schema's maxLength counts code points, so with 4.4.3 a published schema accepted what the server refused, and with 4.6.7 they agree.
# A limit that means UTF-16 units or bytes (a column, an SMS) lets twice as much through after a minor update.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent zod-4-4@npm:zod@4.4.3 zod-4-6@npm:zod@4.6.7
cat >observe.mjs <<'JS'
const balloons = (count) => '\u{1F388}'.repeat(count);
for (const name of ['zod-4-4', 'zod-4-6']) {
  const { z } = await import(name);
  const bounded = z.string().max(200);
  const { maxLength } = z.toJSONSchema(bounded);
  console.log(`${name}: max(200) of 150 balloons ${bounded.safeParse(balloons(150)).success}, length(2) of 1 balloon ${z.string().length(2).safeParse(balloons(1)).success}, toJSONSchema maxLength ${maxLength}`);
}
JS
expected=$(cat <<'TEXT'
zod-4-4: max(200) of 150 balloons false, length(2) of 1 balloon true, toJSONSchema maxLength 200
zod-4-6: max(200) of 150 balloons true, length(2) of 1 balloon false, toJSONSchema maxLength 200
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
