#!/usr/bin/env bash
# jsonata 2.2.2: arrays in a result carry the properties `sequence` or `keepSingleton`, objects have no prototype, and `[]` in an expression writes such a property into the caller's input.
#
# A reader expects the result of a mapping to be the JSON that it prints as. JSON.stringify() leaves the properties out, so a printed result looks right.
# But a deep comparison with what was stored, as JSON, finds a change every time; a second expression turns an array of one back into its element, also
# after structuredClone(); and a frozen input throws. Which arrays are concerned depends on the expression, not on the data.
# The property is discussed in https://github.com/jsonata-js/jsonata/issues/296 (2019-01-14 to 2025-03-01) and
# https://github.com/jsonata-js/jsonata/issues/473 (2020-09-18); both are open.
#
# What to do: give evaluate() a copy, and take JSON.parse(JSON.stringify(result)) before comparing, storing or mapping again.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent jsonata@2.2.2
cat >observe.mjs <<'JS'
import jsonata from 'jsonata';
import { isDeepStrictEqual } from 'node:util';

const order = () => ({ tags: ['new'], items: [{ sku: 'a' }] });
const throughJson = (value) => JSON.parse(JSON.stringify(value));
const evaluate = (expression, input) => jsonata(expression).evaluate(input);

const mapped = await evaluate('{ "skus": items.sku[] }', order());
console.log(`mapped: ${JSON.stringify(mapped)}, own properties of skus: ${Object.keys(mapped.skus).join(' ')}`);
console.log(`equal to the same JSON: ${isDeepStrictEqual(mapped, { skus: ['a'] })}, after JSON: ${isDeepStrictEqual(throughJson(mapped), { skus: ['a'] })}`);

const again = async (input) => JSON.stringify(await evaluate('{ "codes": skus }', input));
console.log(`mapped again: ${await again(mapped)}, after structuredClone: ${await again(structuredClone(mapped))}, after JSON: ${await again(throughJson(mapped))}`);

for (const expression of ['tags', 'tags[]']) {
  const input = order();
  await evaluate(expression, input);
  const frozen = { tags: Object.freeze(['new']) };
  const outcome = await evaluate(expression, frozen).then(JSON.stringify, ({ name }) => name);
  console.log(`${expression}: input unchanged ${isDeepStrictEqual(input, order())}, frozen input ${outcome}`);
}
JS
expected=$(cat <<'TEXT'
mapped: {"skus":["a"]}, own properties of skus: 0 sequence keepSingleton
equal to the same JSON: false, after JSON: true
mapped again: {"codes":"a"}, after structuredClone: {"codes":"a"}, after JSON: {"codes":["a"]}
tags: input unchanged true, frozen input ["new"]
tags[]: input unchanged false, frozen input TypeError
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
