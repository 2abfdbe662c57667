#!/usr/bin/env bash
# jsonata 2.2.2: an expression's async functions run one after another in $map() and in paths, all at once in [ ] and { }, and once for every item at once in a grouping; and $millis() changes while one waits.
#
# A lookup in a database or at a provider is written as such a function. A reader expects one order everywhere, or none: two expressions with the same
# result differ between one call at a time and as many calls as there are items, which empties a pool of connections and meets a rate limit. $now() and
# $millis() promise one time for a whole evaluation (https://www.stedi.com/docs/mappings/jsonata/jsonata-functions/date-time, read 2026-11-28); the time is
# kept with the compiled expression, so another evaluation of it that begins meanwhile moves it. The same fault in $$ was mended in 2.2.2
# (https://github.com/jsonata-js/jsonata/pull/816, 2026-07-15).
#
# What to do: bound the calls inside the function, not in the expression; give the time as a binding; or offer no async function.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent jsonata@2.2.2
cat >observe.mjs <<'JS'
import jsonata from 'jsonata';
import { setImmediate as nextTurn } from 'node:timers/promises';

const items = Array.from({ length: 50 }, (_, id) => ({ id }));
for (const text of ['$map(items, function($item) { $look($item.id) })', 'items.$look(id)', '[$look(1), $look(2), $look(3)]', '{ "a": $look(1), "b": $look(2), "c": $look(3) }', 'items{ $string(id): $look(id) }']) {
  let running = 0;
  let most = 0;
  const expression = jsonata(text);
  expression.registerFunction('look', async (id) => {
    most = Math.max(most, (running += 1));
    await nextTurn();
    running -= 1;
    return id;
  });
  await expression.evaluate({ items });
  console.log(`${text}: ${most} at once`);
}

const timed = jsonata('($before := $millis(); $wait(other); $before = $millis())');
timed.registerFunction('wait', async (other) => {
  const start = Date.now();
  while (Date.now() === start) await nextTurn();
  if (other) await timed.evaluate({ other: false });
});
console.log(`one time in an evaluation alone: ${await timed.evaluate({ other: false })}, with another of the same expression: ${await timed.evaluate({ other: true })}`);
JS
expected=$(cat <<'TEXT'
$map(items, function($item) { $look($item.id) }): 1 at once
items.$look(id): 1 at once
[$look(1), $look(2), $look(3)]: 3 at once
{ "a": $look(1), "b": $look(2), "c": $look(3) }: 3 at once
items{ $string(id): $look(id) }: 50 at once
one time in an evaluation alone: true, with another of the same expression: false
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
