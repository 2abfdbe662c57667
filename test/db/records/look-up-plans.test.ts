import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { uuidList } from '../../../db/core/rows-by-column.ts';
import { listQuery, longPageQuery } from '../../../db/records/record-store.ts';
import { bySourceId, recordTable } from '../../../db/records/record-tables.ts';
import { incoming, lockingKnown, toDocuments, updated } from '../../../db/records/record-writing.ts';
import { customers } from '../../../records/customers.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';
import { gatherNoStatistics, rowsRead } from '../core/query-plan.ts';
import type { QueryPlan } from '../core/query-plan.ts';

let database: TestDatabase;
let venueId: VenueId;
/** Of the records that are there of those wanted. */
let ids: readonly string[];
beforeAll(async () => {
  database = await createTestDatabase();
  await gatherNoStatistics(database.admin, 'customers', 'record_links');
});
afterAll(() => database.drop());

const fill = (of: VenueId, count: number) =>
  database.admin`insert into customers (id, venue_id, source_id, name) select gen_random_uuid(), ${of}, 'c-' || n, 'Customer ' || n from generate_series(1, ${count}) n`;
const analyze = () => database.admin.unsafe('analyze customers, record_links');

const OWN_FIRST = 'statistics of its own first records';
const STATES: Readonly<Record<string, () => Promise<unknown>>> = {
  'no statistics': () => Promise.resolve(),
  'statistics of an empty table': analyze,
  'statistics of another venue’s few records': async () => {
    await fill(await aVenue(database.db), 300);
    await analyze();
  },
  'statistics of another venue’s many records': async () => {
    await fill(await aVenue(database.db), 20_000);
    await analyze();
  },
  'statistics of many venues’ few records': async () => {
    await database.admin`insert into venues (id, name, time_zone, currency)
      select gen_random_uuid(), 'Another', 'Europe/London', 'GBP' from generate_series(1, 2000)`;
    await database.admin`insert into customers (id, venue_id, source_id)
      select gen_random_uuid(), id, 'c-' || n from venues cross join generate_series(1, 5) n on conflict do nothing`;
    await analyze();
  },
  [OWN_FIRST]: async () => {
    await database.admin`insert into customers (id, venue_id, source_id) values (gen_random_uuid(), ${venueId}, 'first')`;
    await analyze();
  },
  'statistics of all its records': async () => {
    await fill(venueId, 20_000);
    await analyze();
  },
};

const table = recordTable(customers);
const wanted = ['c-7', 'c-9000', 'nobody'];
/** An id in the middle of those that the table is filled with. */
const MIDDLE = '80000000-0000-4000-8000-000000000000';
const documents = toDocuments(wanted.map((sourceId) => ({ sourceId, name: 'Other' })));
/** Each with how many rows it looks for. */
const STATEMENTS: Readonly<Record<string, readonly [number, () => SQL]>> = {
  'a list of one key': [3, () => listQuery(customers, { sourceId: 'c-7', includeDeleted: true, rows: 51 })],
  'a list of one key of the living': [3, () => listQuery(customers, { sourceId: 'c-7', rows: 51 })],
  'the first page of a list': [51, () => listQuery(customers, { includeDeleted: true, rows: 51 })],
  'a further page of the living': [51, () => listQuery(customers, { after: MIDDLE, rows: 51 })],
  'a long page': [201, () => longPageQuery(customers, { rows: 201 })],
  'a further long page': [
    201,
    () => longPageQuery(customers, { after: sql`${MIDDLE}`, includeDeleted: true, rows: 201 }),
  ],
  'a look-up by keys': [
    3,
    () => sql`
      select c.* from jsonb_array_elements_text(${JSON.stringify(wanted)}::jsonb) as w(source_id)
      cross join lateral ${bySourceId(sql`customers`, sql`w.source_id`)} c`,
  ],
  'records by their ids': [
    3,
    () => sql`select c.* from customers c where c.id = any (${uuidList(ids)}) for no key update`,
  ],
  'the lock of a write of some': [3, () => lockingKnown(table, incoming(documents))],
  'a write of some': [
    3,
    () => sql`with ${updated({ venueId, table }, incoming(documents))} select source_id from updated`,
  ],
};

/**
 * Look-ups by id of a table that Postgres counted when it had one record: until it counts again, within a minute or so, it
 * takes any part of the table for small.
 */
const MAY_READ_ALL = ['records by their ids', 'the lock of a write of some'];

describe.each(Object.entries(STATES))('with %s', (state, prepare) => {
  beforeAll(async () => {
    await database.admin`truncate customers cascade`;
    venueId = await aVenue(database.db);
    await prepare();
    await database.admin`insert into customers (id, venue_id, source_id, name)
      select gen_random_uuid(), ${venueId}, 'c-' || n, 'Customer ' || n from generate_series(1, 20000) n on conflict do nothing`;
    const rows = await database.admin<
      { id: string }[]
    >`select id from customers where venue_id = ${venueId} and source_id in ${database.admin(wanted)}`;
    ids = rows.map(({ id }) => id);
  });

  const statements = Object.entries(STATEMENTS).filter(([what]) => state !== OWN_FIRST || !MAY_READ_ALL.includes(what));
  it.each(statements)('%s reads no more than it finds', async (_what, [looksFor, statement]) => {
    const [row] = await withVenue(database.db, venueId, (tx) =>
      tx.execute<QueryPlan>(sql`explain (analyze, format json) ${statement()}`),
    );
    expect(Math.max(...rowsRead(row!['QUERY PLAN'][0].Plan))).toBeLessThanOrEqual(2 * looksFor);
  });
});
