#!/usr/bin/env bash
# ical.js 2.2.1: of an ordinal weekday in a yearly rule only the last digit counts: the 11th Monday is the 1st, and the 20th Monday (an example of RFC 5545) is every Monday.
#
# No error is raised, so an event of once a year fills a calendar week by week. BYWEEKNO=20 with BYDAY=MO, another example of the RFC, gives
# every Monday as well. rrule 2.8.1 gives the days of the RFC.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent ical.js@2.2.1 rrule@2.8.1
cat >observe.mjs <<'JS'
import ICAL from 'ical.js';
import rrule from 'rrule';

const cases = [
  ['1997-03-03', 'FREQ=YEARLY;BYDAY=9MO'],
  ['1997-03-17', 'FREQ=YEARLY;BYDAY=11MO'],
  ['1997-05-19', 'FREQ=YEARLY;BYDAY=20MO'],
  ['1997-05-12', 'FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO'],
];
for (const [start, rule] of cases) {
  const iterator = ICAL.Recur.fromString(rule).iterator(ICAL.Time.fromString(`${start}T09:00:00Z`));
  const byIcal = Array.from({ length: 3 }, () => iterator.next().toString().slice(0, 10));
  const byRrule = rrule.rrulestr(`DTSTART:${start.replaceAll('-', '')}T090000Z\nRRULE:${rule};COUNT=3`).all();
  console.log(`${rule}: ical.js ${byIcal.join(' ')}, rrule ${byRrule.map((date) => date.toISOString().slice(0, 10)).join(' ')}`);
}
JS
expected=$(cat <<'TEXT'
FREQ=YEARLY;BYDAY=9MO: ical.js 1997-03-03 1998-03-02 1999-03-01, rrule 1997-03-03 1998-03-02 1999-03-01
FREQ=YEARLY;BYDAY=11MO: ical.js 1998-01-05 1999-01-04 2000-01-03, rrule 1997-03-17 1998-03-16 1999-03-15
FREQ=YEARLY;BYDAY=20MO: ical.js 1997-05-19 1997-05-26 1997-06-02, rrule 1997-05-19 1998-05-18 1999-05-17
FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO: ical.js 1997-05-19 1997-05-26 1997-06-02, rrule 1997-05-12 1998-05-11 1999-05-17
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
