#!/usr/bin/env bash
# pino 10.4.0: redact takes the path of an error's cause and hides nothing. The cause's message and stack have become part of the error's own by then.
#
# The error serializer leaves the property `cause` out and joins the messages of the whole chain with colons, so that what a library or a
# provider wrote into an inner error stands in `err.message`, while `msg` shows the outer text alone. A plain object with a message counts as an error.
# The serializer errWithCause keeps causes apart, and redact finds them there, one path for each depth.
# https://github.com/pinojs/pino-std-serializers/issues/126 (2023-03) gives the reasons for the default.
#
# What to do: serialize errors of others by a list of what may be shown; redact is no such list.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent pino@10.4.0
cat >observe.mjs <<'JS'
import pino from 'pino';

function show(what, cause, serializers = {}) {
  const lines = [];
  const log = pino({ base: null, timestamp: false, serializers, redact: ['err.cause.message', 'err.cause.stack'] }, { write: (line) => lines.push(line) });
  log.error({ err: new Error('The call failed.', { cause }) });
  const { err, msg } = JSON.parse(lines[0]);
  const inner = 'No customer example@example.org';
  console.log(`${what}: msg "${msg}", err.message "${err.message}", cause ${JSON.stringify(err.cause?.message)}, inner text in stack: ${err.stack.includes(inner)}`);
}
const text = 'No customer example@example.org';
show('an Error', new Error(text));
show('a plain object', { message: text });
show('an Error, errWithCause', new Error(text), { err: pino.stdSerializers.errWithCause });
JS
expected=$(cat <<'TEXT'
an Error: msg "The call failed.", err.message "The call failed.: No customer example@example.org", cause undefined, inner text in stack: true
a plain object: msg "The call failed.", err.message "The call failed.: No customer example@example.org", cause undefined, inner text in stack: false
an Error, errWithCause: msg "The call failed.", err.message "The call failed.", cause "[Redacted]", inner text in stack: false
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
