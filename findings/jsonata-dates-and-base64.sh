#!/usr/bin/env bash
# jsonata 2.2.2: $fromMillis with a zone name such as "Europe/Berlin" gives NaN digits, $toMillis takes 30 February as 2 March, and $base64encode reads text as Latin-1.
#
# None of these is an error: each result is a string or a number that goes on into the record. A zone has to be an offset such as "+0100".
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent jsonata@2.2.2
cat >observe.mjs <<'JS'
import jsonata from 'jsonata';

for (const expression of [
  '$fromMillis(0, "[H01]:[m01]", "+0100")',
  '$fromMillis(0, "[H01]:[m01]", "Europe/Berlin")',
  '$fromMillis($toMillis("2026-02-30"))',
  '$base64encode("\u00e9")',
]) {
  console.log(`${expression} = ${await jsonata(expression).evaluate({})}`);
}
console.log(`Buffer: ${Buffer.from('\u00e9').toString('base64')}`);
JS
expected=$(cat <<'TEXT'
$fromMillis(0, "[H01]:[m01]", "+0100") = 01:00
$fromMillis(0, "[H01]:[m01]", "Europe/Berlin") = NaN:NaN
$fromMillis($toMillis("2026-02-30")) = 2026-03-02T00:00:00.000Z
$base64encode("é") = 6Q==
Buffer: w6k=
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
