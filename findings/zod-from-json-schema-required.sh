#!/usr/bin/env bash
# zod 4.6.7: z.fromJSONSchema() ignores `required` for a name that is not in the same object's `properties`, keywords beside $ref and keywords without `type`; it throws for others, such as `not`.
#
# As some unsupported keywords raise an error, the rest looks enforced. "At least one of" (anyOf of required lists) accepts {}, "exactly one of"
# (oneOf) refuses every valid object, and z.record of an enum loses its required keys on the way through z.toJSONSchema(). Ajv 8.20.0 beside it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent zod@4.6.7 ajv@8.20.0
cat >observe.mjs <<'JS'
import { Ajv2020 } from 'ajv/dist/2020.js';
import { z } from 'zod';

const ajv = new Ajv2020({ strict: false });
const properties = { email: { type: 'string' }, phone: { type: 'string' } };
const either = [{ required: ['email'] }, { required: ['phone'] }];
const cases = [
  ['required, key by key', { type: 'object', required: ['email'], additionalProperties: { type: 'string' } }, {}],
  ['allOf adds required', { type: 'object', properties, allOf: [{ required: ['email'] }] }, {}],
  ['anyOf of required', { type: 'object', properties, anyOf: either }, {}],
  ['oneOf of required', { type: 'object', properties, oneOf: either }, { email: 'a' }],
  ['no type', { properties, required: ['email'] }, {}],
  ['beside $ref', { $defs: { Name: { type: 'string' } }, $ref: '#/$defs/Name', minLength: 3 }, 'a'],
  ['record of an enum, by zod', z.toJSONSchema(z.record(z.enum(['a', 'b']), z.number())), { a: 1 }],
];
for (const [name, schema, value] of cases) {
  console.log(`${name}: ${JSON.stringify(value)} is valid to Ajv ${ajv.compile(schema)(value)}, to zod ${z.fromJSONSchema(schema).safeParse(value).success}`);
}
try {
  z.fromJSONSchema({ not: { type: 'string' } });
} catch (error) {
  console.log(`not: ${error.message}`);
}
JS
expected=$(cat <<'TEXT'
required, key by key: {} is valid to Ajv false, to zod true
allOf adds required: {} is valid to Ajv false, to zod true
anyOf of required: {} is valid to Ajv false, to zod true
oneOf of required: {"email":"a"} is valid to Ajv true, to zod false
no type: {} is valid to Ajv false, to zod true
beside $ref: "a" is valid to Ajv false, to zod true
record of an enum, by zod: {"a":1} is valid to Ajv false, to zod true
not: not is not supported in Zod (except { not: {} } for never)
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
