#!/usr/bin/env bash
# zod 4.6.7 and PostgreSQL 18.6: z.iso.datetime() accepts 23:59:59.9999999 of New Year's Eve, which Postgres stores as the next year, and offsets from 16:00 on and the year 0, which it refuses.
#
# Postgres rounds to microseconds where Date cuts to milliseconds, so one text is two days, depending on whether it was parsed on its way. A Date in
# between takes care of the offsets, not of the year 0, and writes a year 10000 that Postgres does not read. A check at the edge that passes and a
# statement that then fails make a 500 out of bad input, and one such value among many fails the statement of all of them.
#
# What to do: cut times to milliseconds in one place, and bound the years of times and days beside the format.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent zod@4.6.7 @electric-sql/pglite@0.5.14
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';
import { z } from 'zod';

const db = await PGlite.create();
await db.exec("set timezone = 'UTC'");
const stored = (text, type) =>
  db.query(`select $1::text::${type}::text as stored`, [text]).then(
    ({ rows }) => rows[0].stored,
    ({ code }) => `refused (${code})`,
  );
async function show(schema, type, text) {
  const accepted = schema.safeParse(text).success ? 'accepted' : 'rejected';
  const date = new Date(text).toISOString();
  console.log(`${text}\n  zod: ${accepted}; Postgres: ${await stored(text, type)}; Date: ${date}; Postgres after Date: ${await stored(date, type)}`);
}
const time = z.iso.datetime({ offset: true });
await show(time, 'timestamptz', '2026-12-31T23:59:59.9999999Z');
await show(time, 'timestamptz', '2026-06-01T12:00:00+16:00');
await show(time, 'timestamptz', '9999-12-31T23:30:00-01:00');
await show(time, 'timestamptz', '0000-06-01T12:00:00Z');
await show(z.iso.date(), 'date', '0000-06-01');
process.exit(0);
JS
expected=$(cat <<'TEXT'
2026-12-31T23:59:59.9999999Z
  zod: accepted; Postgres: 2027-01-01 00:00:00+00; Date: 2026-12-31T23:59:59.999Z; Postgres after Date: 2026-12-31 23:59:59.999+00
2026-06-01T12:00:00+16:00
  zod: accepted; Postgres: refused (22009); Date: 2026-05-31T20:00:00.000Z; Postgres after Date: 2026-05-31 20:00:00+00
9999-12-31T23:30:00-01:00
  zod: accepted; Postgres: 10000-01-01 00:30:00+00; Date: +010000-01-01T00:30:00.000Z; Postgres after Date: refused (22009)
0000-06-01T12:00:00Z
  zod: accepted; Postgres: refused (22008); Date: 0000-06-01T12:00:00.000Z; Postgres after Date: refused (22008)
0000-06-01
  zod: accepted; Postgres: refused (22008); Date: 0000-06-01T00:00:00.000Z; Postgres after Date: refused (22008)
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
