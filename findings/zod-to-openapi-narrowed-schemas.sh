#!/usr/bin/env bash
# @asteasolutions/zod-to-openapi 9.1.0: of z.literal(['a', 'b']) only 'a' is published, an array's length() is dropped, and a RegExp's flag becomes part of the pattern.
#
# The document contradicts the validator without an error or a warning: a client that checks against it refuses 'b'. z.toJSONSchema of zod 4.6.7
# gives both literals and the length.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @asteasolutions/zod-to-openapi@9.1.0 zod@4.6.7
cat >observe.mjs <<'JS'
import { extendZodWithOpenApi, OpenAPIRegistry, OpenApiGeneratorV31 } from '@asteasolutions/zod-to-openapi';
import { z } from 'zod';

extendZodWithOpenApi(z);
const schemas = { literal: z.literal(['a', 'b']), length: z.array(z.string()).length(2), flag: z.string().regex(/^a$/i) };
for (const [name, schema] of Object.entries(schemas)) {
  const registry = new OpenAPIRegistry();
  registry.register('Example', schema);
  const published = new OpenApiGeneratorV31(registry.definitions).generateComponents().components.schemas.Example;
  const { $schema, ...own } = z.toJSONSchema(schema);
  console.log(`${name}: zod-to-openapi ${JSON.stringify(published)}, z.toJSONSchema ${JSON.stringify(own)}`);
}
JS
expected=$(cat <<'TEXT'
literal: zod-to-openapi {"type":"string","enum":["a"]}, z.toJSONSchema {"type":"string","enum":["a","b"]}
length: zod-to-openapi {"type":"array","items":{"type":"string"}}, z.toJSONSchema {"minItems":2,"maxItems":2,"type":"array","items":{"type":"string"}}
flag: zod-to-openapi {"type":"string","pattern":"^a$/i"}, z.toJSONSchema {"type":"string","pattern":"^a$"}
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
