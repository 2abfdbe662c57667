import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { ScopedConnections, venueScope } from '../../../db/core/scoped-connections.ts';
import { statement } from '../../../db/core/statement.ts';
import { openDatabase, withVenue, writeCaller, writeVenue } from '../../../db/core/venue-scope.ts';
import type { Database, DatabaseOptions } from '../../../db/core/venue-scope.ts';
import { until } from '../../support/eventually.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

let database: TestDatabase;
let mine: VenueId;
let theirs: VenueId;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.admin`create table notes (venue_id uuid not null, text text primary key)`;
  await database.admin`grant select, insert, update on notes to interlock_app`;
  await database.admin`alter table notes enable row level security`;
  await database.admin`create policy venue on notes using (venue_id = current_setting('app.venue_id')::uuid)`;
  [mine, theirs] = [await aVenue(database.db), await aVenue(database.db)];
});
beforeEach(() => database.admin`truncate notes`);
afterAll(() => database.drop());

/** Other test files end sessions by names that these must not have. */
const nameOf = (name: string) => `small writes: ${name}`;

function withOneWriter(name: string, options: Partial<DatabaseOptions> = {}): Database {
  const db = openDatabase({
    ...{ url: database.url, maxConnections: 1, writeConnections: 1, applicationName: nameOf(name) },
    ...options,
  });
  onTestFinished(() => db.$client.end({ timeout: 1 }));
  return db;
}

const NOTE = statement<{ text: string }>(
  sql`insert into notes (venue_id, text) values (${sql.placeholder('of')}::uuid, ${sql.placeholder('text')}) returning text`,
);
const SLEEP = statement<{ slept: string }>(sql`select pg_sleep(${sql.placeholder('seconds')}::float8) as slept`);
const TEXTS = statement<{ texts: string }>(
  sql`select coalesce(string_agg(text, ',' order by text), '') as texts from notes`,
);

const note = (of: VenueId, text: string) => ({ statement: NOTE, values: { of, text } });
const textsOf = async (db: Database, venueId: VenueId) =>
  (await writeVenue(db, venueId, { last: { statement: TEXTS, values: {} } }))[0]?.texts;
const sessions = (name: string, query = '%') =>
  database.admin<
    { pid: number }[]
  >`select pid from pg_stat_activity where application_name = ${nameOf(name)} and query like ${query}`;

describe('a small write', () => {
  it('runs all its statements where its venue is seen and no other, also when venues alternate', async () => {
    const db = withOneWriter('alternating');
    for (let round = 0; round < 10; round += 1) {
      const text = String(round);
      const write = { ahead: [note(mine, `a${text}`), note(mine, `b${text}`)], last: note(mine, `c${text}`) };
      expect(await writeVenue(db, mine, write)).toEqual([{ text: `c${text}` }]);
      expect(await textsOf(db, theirs)).toBe('');
    }
    expect((await textsOf(db, mine))?.split(',')).toHaveLength(30);
  });

  it('cannot write for another venue, neither first nor last', async () => {
    const db = withOneWriter('foreign');
    const foreign = note(theirs, 'foreign');
    for (const write of [{ last: foreign }, { ahead: [foreign], last: note(mine, 'own') }])
      await expect(writeVenue(db, mine, write)).rejects.toMatchObject({ cause: { code: '42501' } });
    expect(await database.admin`select from notes`).toHaveLength(0);
  });

  it.each([0, 1, 2, 3])('leaves nothing when its statement %d fails, and the next one succeeds', async (failing) => {
    const db = withOneWriter('failing');
    await writeVenue(db, mine, { last: note(mine, 'taken') });
    const write = (round: number, taken: number | null) => {
      const [first, second, third, last] = [0, 1, 2, 3].map((nth) =>
        note(mine, nth === taken ? 'taken' : `${round}-${nth}`),
      );
      return { ahead: [first!, second!, third!], last: last! };
    };
    for (let round = 0; round < 4; round += 1) {
      await expect(writeVenue(db, mine, write(round, failing))).rejects.toMatchObject({ cause: { code: '23505' } });
      expect(await textsOf(db, mine)).toBe(
        ['taken', ...Array.from({ length: round * 4 }, (_, n) => `${Math.floor(n / 4)}-${n % 4}`)].toSorted().join(','),
      );
      expect(await writeVenue(db, mine, write(round, null))).toEqual([{ text: `${round}-3` }]);
    }
  });

  it('prepares a statement again after one before it has failed to parse', async () => {
    const db = withOneWriter('parsing');
    const missing = { statement: statement(sql`select * from notes_to_come`), values: {} };
    const write = { ahead: [missing, note(mine, 'behind')], last: note(mine, 'last') };
    for (let round = 0; round < 3; round += 1)
      await expect(writeVenue(db, mine, write)).rejects.toMatchObject({ cause: { code: '42P01' } });
    expect(await writeVenue(db, mine, { ...write, ahead: [note(mine, 'behind')] })).toEqual([{ text: 'last' }]);
    expect(await textsOf(db, mine)).toBe('behind,last');
  });

  it('leaves no scope behind, so that a statement outside of its transaction fails', async () => {
    const pool = postgres(database.url, { max: 1, connection: { options: '-c role=interlock_app' } });
    onTestFinished(() => pool.end());
    const writes = new ScopedConnections([pool]);
    const scope = venueScope("select set_config('app.venue_id', $1, true)", mine);
    for (const text of ['one', 'one', 'two']) {
      await writes.tryRun(scope, note(mine, text))?.catch(() => undefined);
      expect(await pool`select current_setting('app.venue_id', true) as venue`).toEqual([{ venue: '' }]);
      await expect(pool`select text from notes`).rejects.toMatchObject({ code: '22P02' });
    }
  });

  it('accepts as a venue nothing but a UUID, because a list of them would reach several', async () => {
    const id = `${mine},${theirs}` as VenueId;
    await expect(textsOf(withOneWriter('no venue'), id)).rejects.toThrow('UUID');
  });

  it('waits for no connection of the pool', async () => {
    const db = withOneWriter('beside the pool', { connectionsPerVenue: 2 });
    const { promise: held, resolve: letGo } = Promise.withResolvers<null>();
    const holding = withVenue(db, mine, () => held);
    expect(await writeVenue(db, mine, { last: note(mine, 'beside') })).toEqual([{ text: 'beside' }]);
    letGo(null);
    await holding;
  });

  it('takes a connection of the pool while the one for small writes is at work', async () => {
    const db = withOneWriter('two at once', { connectionsPerVenue: 2 });
    const sleeping = writeVenue(db, mine, { last: { statement: SLEEP, values: { seconds: 3_600 } } }).catch(
      (error: unknown) => error,
    );
    const [session] = await until(
      async () => {
        const found = await sessions('two at once', '%pg_sleep%');
        return found.length > 0 ? found : null;
      },
      { limitMs: 20_000, what: 'the statement is at work' },
    );
    const write = { ahead: [note(mine, 'first')], last: note(mine, 'second') };
    expect(await writeVenue(db, mine, write)).toEqual([{ text: 'second' }]);
    const taken = { ahead: [note(mine, 'first')], last: note(mine, 'third') };
    await expect(writeVenue(db, mine, taken)).rejects.toMatchObject({ cause: { code: '23505' } });
    await database.admin`select pg_cancel_backend(${session!.pid})`;
    expect(await sleeping).toMatchObject({ cause: { code: '57014' } });
    expect(await textsOf(db, mine)).toBe('first,second');
  });

  it('is repeated when its connection is lost', async () => {
    const db = withOneWriter('lost');
    const sleeping = writeVenue(db, mine, {
      ahead: [note(mine, 'once')],
      last: { statement: SLEEP, values: { seconds: 1 } },
    });
    const [session] = await until(
      async () => {
        const found = await sessions('lost', '%pg_sleep%');
        return found.length > 0 ? found : null;
      },
      { limitMs: 20_000, what: 'the statement is at work' },
    );
    await database.admin`select pg_terminate_backend(${session!.pid}, 5000)`;
    expect(await sleeping).toEqual([{ slept: '' }]);
    expect(await textsOf(db, mine)).toBe('once');
  });

  it('succeeds after the server has closed its idle connection', async () => {
    const db = withOneWriter('idle');
    for (let round = 0; round < 5; round += 1) {
      expect(await writeVenue(db, mine, { last: note(mine, String(round)) })).toEqual([{ text: String(round) }]);
      for (const { pid } of await sessions('idle')) await database.admin`select pg_terminate_backend(${pid}, 5000)`;
    }
  });

  it('counts against the share of its venue', async () => {
    const db = withOneWriter('shares', { maxConnections: 4, connectionsPerVenue: 1 });
    const { promise: held, resolve: letGo } = Promise.withResolvers<null>();
    const holding = withVenue(db, mine, () => held);
    const waiting = writeVenue(db, mine, { last: note(mine, 'mine') });
    expect(await writeVenue(db, theirs, { last: note(theirs, 'theirs') })).toEqual([{ text: 'theirs' }]);
    expect(db.venueShares.waiting).toBe(1);
    letGo(null);
    await holding;
    expect(await waiting).toEqual([{ text: 'mine' }]);
  });

  it('of a caller sees the answers of this caller alone', async () => {
    const db = withOneWriter('callers');
    const keep = (caller: string) => ({
      statement: statement<{ caller: string }>(sql`
        insert into idempotency_keys (caller, operation, key, request_hash, expires_at)
        values (${sql.placeholder('caller')}, 'POST /', 'key', 'hash', now() + interval '1 day') returning caller`),
      values: { caller },
    });
    const all = { statement: statement<{ caller: string }>(sql`select caller from idempotency_keys`), values: {} };
    for (const caller of ['alice', 'bob']) await writeCaller(db, caller, { last: keep(caller) });
    expect(await writeCaller(db, 'alice', { last: all })).toEqual([{ caller: 'alice' }]);
    await expect(writeCaller(db, 'alice', { last: keep('carol') })).rejects.toMatchObject({ cause: { code: '42501' } });
  });

  it('ends with the pool', async () => {
    const db = openDatabase({
      url: database.url,
      maxConnections: 1,
      writeConnections: 1,
      applicationName: nameOf('ending'),
    });
    await textsOf(db, mine);
    expect(await sessions('ending')).toHaveLength(1);
    await db.$client.end({ timeout: 5 });
    await until(async () => (await sessions('ending')).length === 0, {
      limitMs: 20_000,
      what: 'the session has ended',
    });
  });
});
