#!/usr/bin/env bash
# Standard Webhooks: a secret in the URL-safe base64 alphabet is refused by standardwebhooks 1.1.1 (npm), and the Python package of the same name (1.1.0) signs with another key without an error.
#
# A reader expects twins of one specification to read a secret alike or to refuse it alike. Python leaves out the characters that it does not know, so the
# key is a shorter one, and every delivery then fails with "No matching signature found", far from the cause. Node's Buffer reads every spelling, so a
# sender with code of its own sees nothing. The specification says "base64 encoded" and no alphabet
# (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md, read 2026-11-28); secrets in the other alphabet come from
# common tools (https://github.com/artifact-keeper/artifact-keeper/pull/1380, 2026-05-24).
#
# What to do: hand out secrets in the standard alphabet, and of a multiple of three bytes, such as 24 or 48, which leaves no padding to lose.
#
# Python 3.9 or later with pip and venv.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent standardwebhooks@1.1.1
python3 -m venv environment
environment/bin/pip install --quiet --disable-pip-version-check standardwebhooks==1.1.0
cat >sign.py <<'PY'
import sys
from datetime import datetime, timezone
from standardwebhooks import Webhook

print(Webhook(sys.argv[1]).sign('msg_1', datetime(2026, 7, 1, 12, tzinfo=timezone.utc), '{}'))
PY
cat >observe.mjs <<'JS'
import { execFileSync } from 'node:child_process';
import { createHash, createHmac } from 'node:crypto';
import { Webhook } from 'standardwebhooks';

const at = new Date('2026-07-01T12:00:00Z');
const key = createHash('sha256').update('example 3').digest();
const signed = (bytes) => `v1,${createHmac('sha256', bytes).update(`msg_1.${at.getTime() / 1000}.{}`).digest('base64')}`;
const readers = {
  npm: (secret) => new Webhook(secret).sign('msg_1', at, '{}'),
  Python: (secret) => execFileSync('environment/bin/python', ['sign.py', secret], { encoding: 'utf8', stdio: 'pipe' }).trim(),
  Buffer: (secret) => signed(Buffer.from(secret.slice('whsec_'.length), 'base64')),
};
function read(reader, secret) {
  try {
    return reader(secret) === signed(key) ? 'the key' : 'another key';
  } catch {
    return 'refused';
  }
}
const spellings = { 'standard alphabet': key.toString('base64'), 'without padding': key.toString('base64').replaceAll('=', ''), 'URL-safe alphabet': key.toString('base64url'), 'with a line feed': `${key.toString('base64')}\n` };
for (const [spelling, text] of Object.entries(spellings)) {
  console.log(`${spelling}: ${Object.entries(readers).map(([name, reader]) => `${name} ${read(reader, `whsec_${text}`)}`).join(', ')}`);
}
JS
expected=$(cat <<'TEXT'
standard alphabet: npm the key, Python the key, Buffer the key
without padding: npm the key, Python the key, Buffer the key
URL-safe alphabet: npm refused, Python another key, Buffer the key
with a line feed: npm refused, Python the key, Buffer the key
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
