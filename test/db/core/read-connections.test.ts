import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { ReadConnections } from '../../../db/core/read-connections.ts';
import { statement } from '../../../db/core/statement.ts';
import { openDatabase, readVenue, withVenue } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createRecordStore } from '../../../db/records/record-store.ts';
import { customers } from '../../../records/customers.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { until } from '../../support/eventually.ts';
import { aVenue } from '../builders.ts';

let database: TestDatabase;
let mine: VenueId;
let theirs: VenueId;
beforeAll(async () => {
  database = await createTestDatabase();
  [mine, theirs] = [await aVenue(database.db), await aVenue(database.db)];
  const store = createRecordStore(database.db, customers);
  await store.upsertMany(mine, [{ sourceId: 'mine' }]);
  await store.upsertMany(theirs, [{ sourceId: 'theirs' }]);
});
afterAll(() => database.drop());

/** A database with one connection for reads, whose sessions have this name. */
function withOneReader(applicationName: string): Database {
  const db = openDatabase({ url: database.url, maxConnections: 1, readConnections: 1, applicationName });
  onTestFinished(() => db.$client.end({ timeout: 1 }));
  return db;
}

const SOURCE_IDS = statement<{ source_id: string }>(sql`select source_id from customers order by source_id`);
const sourceIds = async (db: Database, venueId: VenueId) =>
  (await readVenue(db, venueId, { statement: SOURCE_IDS, values: {} })).map((row) => row.source_id);

const asleep = (db: Database, seconds: number) =>
  readVenue(db, mine, {
    statement: statement<{ slept: string }>(sql`select pg_sleep(${sql.placeholder('seconds')}::float8) as slept`),
    values: { seconds },
  });
const sessions = (name: string, query = '%') =>
  database.admin<
    { pid: number }[]
  >`select pid from pg_stat_activity where application_name = ${name} and query like ${query}`;
const atWork = (name: string) =>
  until(async () => (await sessions(name, '%pg_sleep%'))[0] ?? null, {
    limitMs: 20_000,
    what: 'the statement is at work',
  });

describe('a read on a connection of its own', () => {
  it('sees its venue and no other, also when reads of two venues alternate before and after it is prepared', async () => {
    const db = withOneReader('alternating');
    for (let round = 0; round < 10; round += 1) {
      expect(await sourceIds(db, mine)).toEqual(['mine']);
      expect(await sourceIds(db, theirs)).toEqual(['theirs']);
    }
    const seen = await Promise.all(
      Array.from({ length: 60 }, (_, index) => sourceIds(db, index % 2 === 0 ? mine : theirs)),
    );
    expect(seen).toEqual(seen.map((_, index) => [index % 2 === 0 ? 'mine' : 'theirs']));
  });

  it('leaves no venue behind, so that a statement outside of its transaction fails', async () => {
    const pool = postgres(database.url, { max: 1, connection: { options: '-c role=interlock_app' } });
    onTestFinished(() => pool.end());
    const reads = new ReadConnections([pool]);
    const divide = statement<{ share: number }>(sql`select 10 / ${sql.placeholder('by')}::int as share`);
    for (let round = 0; round < 16; round += 1) {
      if (round % 2 === 0)
        expect(await reads.tryRead(mine, { statement: SOURCE_IDS, values: {} })).toEqual([{ source_id: 'mine' }]);
      else if (round % 4 === 1)
        expect(await reads.tryRead(mine, { statement: divide, values: { by: 5 } })).toEqual([{ share: 2 }]);
      else
        await expect(reads.tryRead(mine, { statement: divide, values: { by: 0 } })).rejects.toMatchObject({
          cause: { code: '22012' },
        });
      expect(await pool`select current_setting('app.venue_id', true) as venue`).toEqual([{ venue: '' }]);
      await expect(pool`select source_id from customers`).rejects.toMatchObject({ code: '22P02' });
    }
  });

  it('is refused by the driver as a simple query, whose transaction would stay open', async () => {
    const pool = postgres(database.url, { max: 1 });
    onTestFinished(() => pool.end());
    const ahead = { text: "select set_config('app.venue_id', $1, true)", parameters: [mine] };
    await expect(pool.unsafe('select 1', [], { ahead: [ahead] })).rejects.toMatchObject({
      code: 'AHEAD_OF_SIMPLE_QUERY',
    });
    expect(await pool.unsafe('select 2 as two', [], { ahead: [ahead], simple: false })).toEqual([{ two: 2 }]);
  });

  it('can write nothing', async () => {
    const writing = { statement: statement(sql`update customers set name = 'x' returning id`), values: {} };
    await expect(readVenue(withOneReader('writing'), mine, writing)).rejects.toMatchObject({
      cause: { code: '25006' },
    });
  });

  it('accepts as a venue nothing but a UUID, because a list of them would reach several', async () => {
    for (const id of [`${mine}'; select '`, `${mine},${theirs}`])
      await expect(sourceIds(withOneReader('not a venue'), id as VenueId)).rejects.toThrow('UUID');
  });

  it('sees its venue also after a table has changed for which its statement was prepared', async () => {
    const db = withOneReader('changing');
    await database.admin`create table changing (venue_id uuid not null, name text)`;
    await database.admin`insert into changing values (${mine}, 'mine'), (${theirs}, 'theirs')`;
    await database.admin`grant select on changing to interlock_app`;
    await database.admin`alter table changing enable row level security`;
    await database.admin`create policy venue on changing using (venue_id = current_setting('app.venue_id')::uuid)`;
    const all = statement<{ name: string }>(sql`select * from changing where name <> ${sql.placeholder('not')}`);
    const names = async (venueId: VenueId) =>
      (await readVenue(db, venueId, { statement: all, values: { not: '' } })).map(({ name }) => name);
    for (let round = 0; round < 8; round += 1) expect(await names(mine)).toEqual(['mine']);
    await database.admin`alter table changing add column more text`;
    expect(await names(theirs)).toEqual(['theirs']);
    expect(await names(mine)).toEqual(['mine']);
  });

  it('fails as a statement of a transaction does, and the next one succeeds', async () => {
    const db = withOneReader('failing');
    const divide = (by: number) =>
      readVenue(db, mine, {
        statement: statement<{ share: number }>(sql`select 10 / ${sql.placeholder('by')}::int as share`),
        values: { by },
      });
    for (let round = 0; round < 8; round += 1) {
      await expect(divide(0)).rejects.toMatchObject({ cause: { code: '22012' } });
      expect(await divide(5)).toEqual([{ share: 2 }]);
    }
  });

  it('takes a connection of the pool while the one for reads is at work', async () => {
    const db = withOneReader('two at once');
    const sleeping = asleep(db, 3_600).then(
      () => 'ended',
      (error: unknown) => error,
    );
    const { pid } = await atWork('two at once');
    expect(await sourceIds(db, theirs)).toEqual(['theirs']);
    await database.admin`select pg_cancel_backend(${pid})`;
    expect(await sleeping).toMatchObject({ cause: { code: '57014' } });
    expect(await sourceIds(db, mine)).toEqual(['mine']);
  });

  it('is repeated when its connection is lost', async () => {
    const db = withOneReader('lost');
    const sleeping = asleep(db, 1);
    const { pid } = await atWork('lost');
    await database.admin`select pg_terminate_backend(${pid}, 5000)`;
    expect(await sleeping).toEqual([{ slept: '' }]);
    const { pid: another } = (await sessions('lost'))[0] ?? { pid: 0 };
    expect(another).not.toBe(pid);
  });

  it('succeeds after the server has closed its idle connection', async () => {
    const db = withOneReader('idle');
    for (let round = 0; round < 5; round += 1) {
      expect(await sourceIds(db, mine)).toEqual(['mine']);
      for (const { pid } of await sessions('idle')) await database.admin`select pg_terminate_backend(${pid}, 5000)`;
    }
    expect(await sourceIds(db, theirs)).toEqual(['theirs']);
  });

  it('counts against the share of its venue', async () => {
    const db = openDatabase({
      url: database.url,
      maxConnections: 4,
      readConnections: 4,
      connectionsPerVenue: 1,
      applicationName: 'shares',
    });
    onTestFinished(() => db.$client.end({ timeout: 1 }));
    const { promise: held, resolve: letGo } = Promise.withResolvers<null>();
    const holding = withVenue(db, mine, () => held);
    const waiting = sourceIds(db, mine);
    expect(await sourceIds(db, theirs)).toEqual(['theirs']);
    expect(db.venueShares.waiting).toBe(1);
    letGo(null);
    await holding;
    expect(await waiting).toEqual(['mine']);
  });

  it('ends with the pool', async () => {
    const db = openDatabase({ url: database.url, maxConnections: 1, readConnections: 1, applicationName: 'ending' });
    await sourceIds(db, mine);
    expect(await sessions('ending')).toHaveLength(1);
    await db.$client.end({ timeout: 5 });
    await until(async () => (await sessions('ending')).length === 0, {
      limitMs: 20_000,
      what: 'the session has ended',
    });
  });
});
