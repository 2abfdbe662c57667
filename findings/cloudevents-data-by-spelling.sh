#!/usr/bin/env bash
# cloudevents 10.0.0: whether HTTP.toEvent() gives an event's JSON data as a value, as text or not at all depends on the content mode and on how Content-Type is spelled.
#
# Structured mode drops 0, false and "". Binary mode turns 42 and true into strings and does not parse "application/json;charset=UTF-8", which is
# equal to the two spellings that it knows. Structured mode refuses such a spelling. A consumer tested with one sender breaks with the next.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent cloudevents@10.0.0
cat >observe.mjs <<'JS'
import { HTTP } from 'cloudevents';

const attributes = { specversion: '1.0', id: '1', type: 'example', source: '/example' };
const headers = Object.fromEntries(Object.entries(attributes).map(([name, value]) => [`ce-${name}`, value]));
function read(message) {
  try {
    const { data } = HTTP.toEvent(message);
    return `${typeof data} ${JSON.stringify(data) ?? ''}`.trim();
  } catch (error) {
    return error.constructor.name;
  }
}
const structured = (data, type) => read({ headers: { 'content-type': type }, body: JSON.stringify({ ...attributes, data }) });
const binary = (data, type) => read({ headers: { ...headers, 'content-type': type }, body: JSON.stringify(data) });
for (const data of [0, 42, false, true, '']) {
  console.log(`${JSON.stringify(data)}: structured ${structured(data, 'application/cloudevents+json')}, binary ${binary(data, 'application/json')}`);
}
for (const parameter of ['', '; charset=utf-8', ';charset=utf-8', '; charset=UTF-8']) {
  const seen = [structured([1], `application/cloudevents+json${parameter}`), binary([1], `application/json${parameter}`)];
  console.log(`[1] with "${parameter}": structured ${seen[0]}, binary ${seen[1]}`);
}
JS
expected=$(cat <<'TEXT'
0: structured undefined, binary string "0"
42: structured number 42, binary string "42"
false: structured undefined, binary string "false"
true: structured boolean true, binary string "true"
"": structured undefined, binary string ""
[1] with "": structured object [1], binary object [1]
[1] with "; charset=utf-8": structured object [1], binary object [1]
[1] with ";charset=utf-8": structured ValidationError, binary string "[1]"
[1] with "; charset=UTF-8": structured ValidationError, binary string "[1]"
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
