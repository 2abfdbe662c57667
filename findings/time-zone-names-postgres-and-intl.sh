#!/usr/bin/env bash
# PostgreSQL 18.6 reads MET, CET, EET and WET as fixed offsets without summer time; Intl (Node 20 and later) reads them as zones with it. Etc/GMT+5 means the same to both, GMT+5 only exists in Postgres.
#
# Postgres looks a name up among abbreviations before zones (AT TIME ZONE, SET TimeZone differs), so a day that SQL computes and a day that
# JavaScript shows can differ for one and the same accepted zone name, in summer only. Seen here for 2026-06-10T22:20:00Z.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @electric-sql/pglite@0.5.14
cat >observe.mjs <<'JS'
import { PGlite } from '@electric-sql/pglite';

const at = '2026-06-10T22:20:00Z';
const db = await PGlite.create();
const byPostgres = async (zone) => (await db.query(`select to_char($1::timestamptz at time zone $2, 'HH24:MI "on" MM-DD') as text`, [at, zone])).rows[0].text;
function byIntl(timeZone) {
  try {
    const parts = new Intl.DateTimeFormat('en-GB', { timeZone, month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' }).formatToParts(new Date(at));
    const part = (type) => parts.find((one) => one.type === type).value;
    return `${part('hour')}:${part('minute')} on ${part('month')}-${part('day')}`;
  } catch (error) {
    return error.constructor.name;
  }
}
for (const zone of ['MET', 'CET', 'EET', 'WET', 'Etc/GMT+5', 'GMT+5', 'EST5EDT']) console.log(`${zone}: Postgres ${await byPostgres(zone)}, Intl ${byIntl(zone)}`);
process.exit(0);
JS
expected=$(cat <<'TEXT'
MET: Postgres 23:20 on 06-10, Intl 00:20 on 06-11
CET: Postgres 23:20 on 06-10, Intl 00:20 on 06-11
EET: Postgres 00:20 on 06-11, Intl 01:20 on 06-11
WET: Postgres 22:20 on 06-10, Intl 23:20 on 06-10
Etc/GMT+5: Postgres 17:20 on 06-10, Intl 17:20 on 06-10
GMT+5: Postgres 17:20 on 06-10, Intl RangeError
EST5EDT: Postgres 18:20 on 06-10, Intl 18:20 on 06-10
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
