#!/usr/bin/env bash
# Postgrator 8.0.0: each call of migrate() reads every migration file twice and asks the database for the checksum of each applied migration by a query of its
# own. Who takes one migration at a time, so that each has its own transaction, pays with the square of their number: 60 empty migrations take 2,075 queries,
# and 128 when they are taken by one call.
#
# The checks are meant for one call with the newest version as its target. Nothing in the signature tells that a target one step ahead validates all the
# steps behind it again, and on a local database each query is too short to be noticed alone; with 68 migrations a new database took 1.5 s in place of 0.4.
#
# What to do: migrate a new database by one call, and go step by step only from where a database stands. validateChecksums: false drops the check altogether.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @electric-sql/pglite@0.5.14 postgrator@8.0.0
mkdir migrations
for number in $(seq 60); do printf 'select %d;\n' "$number" >"migrations/$number.do.step.sql"; done
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import Postgrator from 'postgrator';

const COUNT = 60;
async function queriesOf(targets) {
  const db = await PGlite.create();
  let queries = 0;
  const execQuery = async (query) => {
    queries += 1;
    const results = await db.exec(query);
    return { rows: results.at(-1)?.rows ?? [] };
  };
  const postgrator = new Postgrator({ driver: 'pg', migrationPattern: 'migrations/*.sql', schemaTable: 'applied', execQuery });
  for (const target of targets) await postgrator.migrate(String(target));
  const [row] = (await db.query('select count(*)::int as applied from applied where version > 0')).rows;
  return `${queries} queries for ${row.applied} migrations`;
}
console.log(`one call: ${await queriesOf([COUNT])}`);
console.log(`a call each: ${await queriesOf(Array.from({ length: COUNT }, (_, index) => index + 1))}`);
process.exit(0);
JS
expected=$(cat <<'TEXT'
one call: 128 queries for 60 migrations
a call each: 2075 queries for 60 migrations
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
