#!/usr/bin/env bash
# @asteasolutions/zod-to-openapi 9.1.0: whether .nullable() on a named schema comes first or second in a document decides which of two wrong schemas is published.
#
# First: the component itself becomes nullable, also for uses that refuse null. Second: the use becomes allOf of the component, which is an
# object, and "object or null", which no null satisfies. z.union([schema, z.null()]) says what is meant.
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
function show(what, fields) {
  const Money = z.object({ cents: z.number() }).openapi('Money');
  const registry = new OpenAPIRegistry();
  registry.register('Order', z.object(fields(Money)));
  const { schemas } = new OpenApiGeneratorV31(registry.definitions).generateComponents().components;
  console.log(`${what}: Money ${JSON.stringify(schemas.Money.type)}, Order ${JSON.stringify(schemas.Order.properties)}`);
}
show('nullable use first', (Money) => ({ tip: Money.nullable(), total: Money }));
show('plain use first', (Money) => ({ total: Money, tip: Money.nullable() }));
show('union with null', (Money) => ({ total: Money, tip: z.union([Money, z.null()]) }));
JS
expected=$(cat <<'TEXT'
nullable use first: Money ["object","null"], Order {"tip":{"$ref":"#/components/schemas/Money"},"total":{"$ref":"#/components/schemas/Money"}}
plain use first: Money "object", Order {"total":{"$ref":"#/components/schemas/Money"},"tip":{"allOf":[{"$ref":"#/components/schemas/Money"},{"type":["object","null"]}]}}
union with null: Money "object", Order {"total":{"$ref":"#/components/schemas/Money"},"tip":{"anyOf":[{"$ref":"#/components/schemas/Money"},{"type":"null"}]}}
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
