#!/usr/bin/env bash
# zod 4.6.7: when one branch of z.union fails only in a refine without abort, its issues are the whole error, and those of all other branches are gone.
#
# A union of known kinds with "any other kind, but not a known one" as its last branch answers a wrong field in a known kind with "is a known
# kind" instead of the field's path. abort: true on the refinement keeps every branch's issues.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent zod@4.6.7
cat >observe.mjs <<'JS'
import { z } from 'zod';

const known = z.object({ kind: z.literal('order'), total: z.number() });
for (const abort of [false, true]) {
  const other = z.looseObject({ kind: z.string() }).refine(({ kind }) => kind !== 'order', { error: 'is a known kind', abort });
  const [issue] = z.union([known, other]).safeParse({ kind: 'order', total: 'ten' }).error.issues;
  const paths = issue.errors?.map((branch) => branch.map(({ path }) => `/${path.join('/')}`).join(' ')).join(', ');
  console.log(`abort ${abort}: ${issue.code} "${issue.message}", paths of the branches: ${paths ?? 'none'}`);
}
JS
expected=$(cat <<'TEXT'
abort false: custom "is a known kind", paths of the branches: none
abort true: invalid_union "Invalid input", paths of the branches: /total, /
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
