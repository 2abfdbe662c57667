import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { isDatabaseAway } from '../../../db/core/outage.ts';
import { statement } from '../../../db/core/statement.ts';
import { openDatabase, readVenue, writeVenue } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { codesOf } from '../../../domain/errors/error-codes.ts';
import { until } from '../../support/eventually.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.admin`create table notes (venue_id uuid not null, text text primary key)`;
  await database.admin`grant select, insert on notes to interlock_app`;
  await database.admin`alter table notes enable row level security`;
  await database.admin`create policy venue on notes using (venue_id = current_setting('app.venue_id')::uuid)`;
});
afterAll(() => database.drop());

const NOTE = statement<{ text: string }>(
  sql`insert into notes (venue_id, text) values (${sql.placeholder('of')}::uuid, ${sql.placeholder('text')}) on conflict do nothing returning text`,
);
/** Whose notes are seen, with the text that was given, by which an answer is told from that of another statement. */
const SEEN = statement<{ venues: string; text: string }>(
  sql`select coalesce(string_agg(distinct venue_id::text, ','), '') as venues, ${sql.placeholder('text')}::text as text from notes`,
);
const ECHO = statement<{ text: string }>(
  sql`select ${sql.placeholder('text')}::text as text from pg_sleep(${sql.placeholder('seconds')}::float8)`,
);
/** Sends rows, and fails then. */
const HALFWAY = statement<{ tenth: number }>(
  sql`select 10 / (${sql.placeholder('last')}::integer - n) as tenth from generate_series(1, 30000) n`,
);
const echo = (text: string, seconds = 0) => ({ statement: ECHO, values: { text, seconds: String(seconds) } });
const halfway = { statement: HALFWAY, values: { last: '20000' } };

/** Between a service and Postgres. */
interface Proxy {
  readonly url: string;
  readonly open: ReadonlySet<{ readonly service: Socket; readonly server: Socket }>;
  /** The next answer that fails arrives without the message that ends it, and the connection is closed. */
  cutNextFailure(): void;
}

async function aProxy(): Promise<Proxy> {
  const target = new URL(database.url);
  const open = new Set<{ readonly service: Socket; readonly server: Socket }>();
  let isCutting = false;
  const listener = createServer((service) => {
    const pair = { service, server: connect(Number(target.port), target.hostname) };
    open.add(pair);
    service.pipe(pair.server);
    pair.server.on('data', (bytes: Buffer) => {
      const failure = isCutting ? bytes.indexOf('SERROR\0') : -1;
      if (failure < 0) return void service.write(bytes);
      isCutting = false;
      service.end(bytes.subarray(0, failure - TYPE_AND_LENGTH + 1 + bytes.readInt32BE(failure - LENGTH)));
    });
    for (const socket of [service, pair.server])
      socket
        .on('error', () => undefined)
        .on('close', () => {
          open.delete(pair);
          service.destroy();
          pair.server.destroy();
        });
  });
  onTestFinished(() => void listener.close());
  await once(listener.listen(0, '127.0.0.1'), 'listening');
  const url = new URL(database.url);
  url.host = `127.0.0.1:${(listener.address() as AddressInfo).port}`;
  return {
    url: url.href,
    open,
    cutNextFailure: () => {
      isCutting = true;
    },
  };
}
/** Bytes of a message of the server's before its content (https://www.postgresql.org/docs/18/protocol-message-formats.html). */
const TYPE_AND_LENGTH = 5;
const LENGTH = 4;

function open(url: string, name: string, connections: number): Database {
  const db = openDatabase({
    ...{ url, maxConnections: connections, writeConnections: connections, readConnections: connections },
    applicationName: `cut small writes: ${name}`,
  });
  onTestFinished(() => db.$client.end({ timeout: 1 }));
  return db;
}

const textOf = (rows: readonly { readonly text: string }[]) => rows.map(({ text }) => text);

describe('a small write', () => {
  it('gets all its rows, from the first on, after a statement that failed midway, and so does a read', async () => {
    const db = open(database.url, 'midway', 1);
    const venueId = await aVenue(database.db);
    for (let round = 0; round < 3; round += 1) {
      await expect(writeVenue(db, venueId, { last: halfway })).rejects.toMatchObject({ cause: { code: '22012' } });
      expect(textOf(await writeVenue(db, venueId, { ahead: [echo('ahead')], last: echo('last') }))).toEqual(['last']);
      await expect(readVenue(db, venueId, halfway)).rejects.toMatchObject({ cause: { code: '22012' } });
      expect(textOf(await readVenue(db, venueId, echo('read')))).toEqual(['read']);
    }
  });

  it('never gets the failure of a write whose connection was lost before the answer ended', async () => {
    const proxy = await aProxy();
    const db = open(proxy.url, 'unended', 1);
    const venueId = await aVenue(database.db);
    for (let round = 0; round < 3; round += 1) {
      proxy.cutNextFailure();
      // The failure arrives with the repeat, on a connection of the pool.
      await expect(writeVenue(db, venueId, { last: halfway })).rejects.toMatchObject({ cause: { code: '22012' } });
      expect(textOf(await writeVenue(db, venueId, { last: echo(`next ${round}`) }))).toEqual([`next ${round}`]);
    }
  });

  it('is answered when it is sent right after the connection was reset, and before that is closed', async () => {
    const proxy = await aProxy();
    const db = open(proxy.url, 'reset', 1);
    const venueId = await aVenue(database.db);
    const scope = { text: "select set_config('app.venue_id', $1, true)", parameters: [venueId] };
    // Prepared, after which the driver sends further statements behind one that is at work.
    for (let round = 0; round < 6; round += 1) await db.writes.tryRun(scope, echo('warm'));
    const asleep = db.writes.tryRun(scope, echo('asleep', 30));
    await until(
      async () =>
        (
          await database.admin`select from pg_stat_activity where query like '%pg_sleep%' and state = 'active' and application_name = 'cut small writes: reset'`
        ).length > 0,
      { limitMs: 20_000, what: 'the statement is at work' },
    );
    for (const { service } of proxy.open) service.resetAndDestroy();
    const failed = await asleep?.then(textOf, codesOf);
    const answers = [];
    for (const text of ['at once', 'next', 'last'])
      answers.push(await db.writes.tryRun(scope, echo(text))?.then(textOf, codesOf));
    expect(failed).toContain('ECONNRESET');
    expect(answers[0]).toContain('CONNECTION_CLOSED');
    expect(answers.slice(1)).toEqual([['next'], ['last']]);
  });

  it.each(['reset', 'closed by the other side', 'ended by the server'] as const)(
    'is stored once or refused as an outage, and sees its venue alone, while connections are %s at random',
    async (how) => {
      const proxy = await aProxy();
      const db = open(proxy.url, how, 4);
      const venues = [await aVenue(database.db), await aVenue(database.db)];
      const over = new AbortController();
      const cut = async () => {
        if (how === 'ended by the server')
          return database.admin`select pg_terminate_backend(pid) from pg_stat_activity
            where application_name = ${`cut small writes: ${how}`} order by random() limit 1`;
        const [pair] = [...proxy.open].toSorted(() => Math.random() - 0.5);
        return how === 'reset' ? pair?.service.resetAndDestroy() : pair?.service.destroy();
      };
      const cutting = (async () => {
        while (!over.signal.aborted) {
          await cut();
          await delay(Math.random() * 60);
        }
      })();

      const stored: string[] = [];
      const write = async (text: string, venueId: VenueId) => {
        const note = { statement: NOTE, values: { of: venueId, text } };
        const never = { statement: NOTE, values: { of: venueId, text: `never ${text}` } };
        const seen = { statement: SEEN, values: { text } };
        try {
          expect(await writeVenue(db, venueId, { ahead: [note], last: seen })).toEqual([{ venues: venueId, text }]);
          stored.push(text);
          await expectFailure(writeVenue(db, venueId, { ahead: [never], last: halfway }));
          expect((await readVenue(db, venueId, seen))[0]).toEqual({ venues: venueId, text });
        } catch (error) {
          if (!isDatabaseAway(error)) throw error;
        }
      };
      const writer = async (nth: number) => {
        for (let round = 0; round < 6; round += 1)
          await write(`${how} ${nth}-${round}`, venues[(nth + round) % 2] as VenueId);
      };
      await Promise.all(Array.from({ length: 8 }, (_, nth) => writer(nth)));
      over.abort();
      await cutting;
      const kept = (await database.admin<{ text: string }[]>`select text from notes`).map(({ text }) => text);
      expect(stored.length).toBeGreaterThan(0);
      expect(kept).toEqual(expect.arrayContaining(stored));
      expect(kept.filter((text) => text.startsWith('never'))).toEqual([]);
      for (const venueId of venues) await writeVenue(db, venueId, { last: echo('still there') });
    },
    60_000,
  );
});

/** Its own failure, or that of its connection. */
async function expectFailure(write: Promise<unknown>): Promise<void> {
  const failure = await write.then(
    () => null,
    (error: unknown) => error,
  );
  if (isDatabaseAway(failure)) throw failure;
  expect(codesOf(failure)).toContain('22012');
}
