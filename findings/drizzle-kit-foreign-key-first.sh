#!/usr/bin/env bash
# drizzle-kit 0.31.11 adds a composite foreign key before the unique index that it needs, so the generated migration fails. unique() works in a table's first migration and fails in a later one.
#
# A foreign key over tenant and id, which keeps rows of one tenant from pointing at another's, needs a unique key over both columns. A reader expects the
# generator to order the statements of one migration. That the same schema passes when made from nothing and fails as a change hides it from tests that
# start with an empty database and keep one migration. https://github.com/drizzle-team/drizzle-orm/issues/4638 (2025-06-12, closed as fixed in a beta) has
# the uniqueIndex() case; the newest stable release (2026-11-28) is this one, without the fix.
#
# What to do: write such migrations by hand, or generate the key in one migration and the foreign key in the next.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent drizzle-kit@0.31.11 drizzle-orm@0.45.4 @electric-sql/pglite@0.5.14
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { generateDrizzleJson, generateMigration } from 'drizzle-kit/api';
import { foreignKey, integer, pgTable, text, unique, uniqueIndex } from 'drizzle-orm/pg-core';

function schema(key, { withKey, withForeignKey }) {
  const columns = () => ({ tenant: text().notNull(), id: integer().primaryKey(), parent: integer() });
  const parents = pgTable('parents', columns(), (table) => (withKey ? [key('parents_key').on(table.tenant, table.id)] : []));
  const children = pgTable('children', columns(), (table) =>
    withForeignKey ? [foreignKey({ columns: [table.tenant, table.parent], foreignColumns: [parents.tenant, parents.id] })] : [],
  );
  return { parents, children };
}
const none = { withKey: false, withForeignKey: false };
const key = { withKey: true, withForeignKey: false };
const both = { withKey: true, withForeignKey: true };
async function migrate(make, steps) {
  const db = await PGlite.create();
  let before = generateDrizzleJson({});
  for (const step of steps) {
    const after = generateDrizzleJson(schema(make, step));
    for (const statement of await generateMigration(before, after)) {
      try {
        await db.exec(statement);
      } catch ({ code }) {
        return `${code} at ${statement.match(/FOREIGN KEY|UNIQUE/)?.[0]}`;
      }
    }
    before = after;
  }
  return 'applied';
}
for (const make of [unique, uniqueIndex]) {
  console.log(`${make.name}(), one migration: ${await migrate(make, [both])}`);
  console.log(`${make.name}(), key and foreign key added to tables: ${await migrate(make, [none, both])}`);
  console.log(`${make.name}(), key first, then foreign key: ${await migrate(make, [none, key, both])}`);
}
process.exit(0);
JS
expected=$(cat <<'TEXT'
unique(), one migration: applied
unique(), key and foreign key added to tables: 42830 at FOREIGN KEY
unique(), key first, then foreign key: applied
uniqueIndex(), one migration: 42830 at FOREIGN KEY
uniqueIndex(), key and foreign key added to tables: 42830 at FOREIGN KEY
uniqueIndex(), key first, then foreign key: applied
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
