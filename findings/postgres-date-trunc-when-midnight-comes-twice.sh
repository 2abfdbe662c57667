#!/usr/bin/env bash
# PostgreSQL 18.6 (PGlite 0.5.14): where the clocks go back from one o'clock to midnight, date_trunc('day', time, zone) of the first hour is later than the time itself.
#
# Such a night is each autumn's in Havana. Postgres begins the day at its second midnight, Temporal (temporal-polyfill 1.0.8), date-fns 4.4.0 and dayjs 1.11.23
# at the first; luxon 3.7.2 at either, by the time that it starts from. A reader expects no start of a day to be later than a time of that day. A query of
# one day by a range, from its start to the start of the next, leaves out the first hour or counts it twice where the ends come from two sides. A grouping
# by the truncated time alone is not touched. Where midnight is skipped (Cairo in April) dayjs begins the day at 23:00 of the day before.
#
# What to do: compute both ends of a day in one place, or compare days: (time at time zone 'America/Havana')::date.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent @electric-sql/pglite@0.5.14 luxon@3.7.2 temporal-polyfill@1.0.8 date-fns@4.4.0 @date-fns/tz@1.5.0 dayjs@1.11.23
cat >observe.mjs <<'JS'
import { TZDate } from '@date-fns/tz';
import { PGlite } from '@electric-sql/pglite';
import { startOfDay } from 'date-fns';
import dayjs from 'dayjs';
import timezone from 'dayjs/plugin/timezone.js';
import utc from 'dayjs/plugin/utc.js';
import { DateTime } from 'luxon';
import { Temporal } from 'temporal-polyfill';

dayjs.extend(utc);
dayjs.extend(timezone);
const db = await PGlite.create();
const truncated = async (text, zone) => new Date((await db.query('select (extract(epoch from date_trunc($1, $2::timestamptz, $3)) * 1000)::float8 as start', ['day', text, zone])).rows[0].start);
const ways = {
  'Postgres': truncated,
  'luxon': (text, zone) => DateTime.fromISO(text, { zone }).startOf('day').toJSDate(),
  'Temporal': (text, zone) => new Date(Temporal.Instant.from(text).toZonedDateTimeISO(zone).startOfDay().epochMilliseconds),
  'date-fns': (text, zone) => new Date(startOfDay(new TZDate(text, zone)).getTime()),
  'dayjs': (text, zone) => dayjs(text).tz(zone).startOf('day').toDate(),
};
for (const [zone, text] of [
  ['America/Havana', '2025-11-02T04:30:00Z'],
  ['America/Havana', '2025-11-02T15:00:00Z'],
  ['Africa/Cairo', '2025-04-25T10:00:00Z'],
]) {
  const clock = (at) => new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short', timeStyle: 'short' }).format(at);
  console.log(`${text}, ${clock(new Date(text))} in ${zone}; its day begins`);
  for (const [name, start] of Object.entries(ways)) {
    const at = await start(text, zone);
    console.log(`  ${name}: ${at.toISOString()}, ${clock(at)}${at > new Date(text) ? ', after the time itself' : ''}`);
  }
}
process.exit(0);
JS
expected=$(cat <<'TEXT'
2025-11-02T04:30:00Z, 2025-11-02 00:30 in America/Havana; its day begins
  Postgres: 2025-11-02T05:00:00.000Z, 2025-11-02 00:00, after the time itself
  luxon: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
  Temporal: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
  date-fns: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
  dayjs: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
2025-11-02T15:00:00Z, 2025-11-02 10:00 in America/Havana; its day begins
  Postgres: 2025-11-02T05:00:00.000Z, 2025-11-02 00:00
  luxon: 2025-11-02T05:00:00.000Z, 2025-11-02 00:00
  Temporal: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
  date-fns: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
  dayjs: 2025-11-02T04:00:00.000Z, 2025-11-02 00:00
2025-04-25T10:00:00Z, 2025-04-25 13:00 in Africa/Cairo; its day begins
  Postgres: 2025-04-24T22:00:00.000Z, 2025-04-25 01:00
  luxon: 2025-04-24T22:00:00.000Z, 2025-04-25 01:00
  Temporal: 2025-04-24T22:00:00.000Z, 2025-04-25 01:00
  date-fns: 2025-04-24T22:00:00.000Z, 2025-04-25 01:00
  dayjs: 2025-04-24T21:00:00.000Z, 2025-04-24 23:00
TEXT
)
seen=$(TZ=UTC node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
