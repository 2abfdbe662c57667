#!/usr/bin/env bash
# cloudevents for Python 2.2.0 percent-encodes and percent-decodes attributes in HTTP binary mode, cloudevents for JavaScript 10.0.0 does neither: between them `source` and `subject` change without an error.
#
# source and id together are what a receiver recognises an event again by. So one event has two identities, one when it is sent in structured mode and
# another in binary mode, as soon as its source has an escape, such as a URL with %2F, or its subject a space or a percent sign. Each SDK reads back what
# it has written itself, so tests with one of them pass. The HTTP binding asks for the encoding (section 3.1.3.2,
# https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/bindings/http-protocol-binding.md);
# https://github.com/cloudevents/spec/issues/1397 (2026-09-21) has measured SDKs for C#, C++, Go and Java, which split the same way.
#
# What to do: send structured mode, or keep to attributes of unreserved characters.
#
# Python 3.10 or later with pip and venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent cloudevents@10.0.0
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check cloudevents==2.2.0
cat >sdk.py <<'PY'
import json
import sys
from cloudevents.core.bindings.http import HTTPMessage, from_http, to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

command, argument = json.load(sys.stdin)
if command == 'read':
    event = from_http(HTTPMessage(headers=argument['headers'], body=argument['body'].encode()), JSONFormat())
    print(json.dumps({name: event.get_attributes()[name] for name in ('source', 'subject')}))
else:
    event = CloudEvent(attributes=argument, data={})
    message = {'binary': to_binary, 'structured': to_structured}[command](event, JSONFormat())
    print(json.dumps({'headers': message.headers, 'body': message.body.decode()}))
PY
cat >observe.mjs <<'JS'
import { CloudEvent, HTTP } from 'cloudevents';
import { execFileSync } from 'node:child_process';

const attributes = { id: '1', type: 'example', source: '/shops/1%2F2', subject: '20% off' };
const python = (...input) => JSON.parse(execFileSync('environment/bin/python', ['sdk.py'], { input: JSON.stringify(input), encoding: 'utf8' }));
const sdks = {
  JavaScript: { write: (mode) => HTTP[mode](new CloudEvent({ ...attributes, data: {} })), read: (message) => HTTP.toEvent(message) },
  Python: { write: (mode) => python(mode, attributes), read: (message) => python('read', message) },
};
for (const mode of ['structured', 'binary']) {
  for (const [writer, { write }] of Object.entries(sdks)) {
    for (const [reader, { read }] of Object.entries(sdks)) {
      const { source, subject } = read(write(mode));
      console.log(`${mode}, ${writer} to ${reader}: ${source} | ${subject}`);
    }
  }
}
JS
expected=$(cat <<'TEXT'
structured, JavaScript to JavaScript: /shops/1%2F2 | 20% off
structured, JavaScript to Python: /shops/1%2F2 | 20% off
structured, Python to JavaScript: /shops/1%2F2 | 20% off
structured, Python to Python: /shops/1%2F2 | 20% off
binary, JavaScript to JavaScript: /shops/1%2F2 | 20% off
binary, JavaScript to Python: /shops/1/2 | 20% off
binary, Python to JavaScript: /shops/1%252F2 | 20%25%20off
binary, Python to Python: /shops/1%2F2 | 20% off
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
