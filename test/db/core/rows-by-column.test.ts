import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { rowsByColumn, textList, uuidList } from '../../../db/core/rows-by-column.ts';
import { openDatabase, withVenue } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let test: TestDatabase;
let db: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  db = openDatabase({ url: test.url, maxConnections: 2, applicationName: 'rows by column' });
});
afterAll(async () => {
  await db.$client.end();
  await test.drop();
});

const VENUE = '0198c0de-0000-7000-8000-000000000001' as VenueId;
const OTHER = '0198c0de-0000-7000-8000-000000000002' as VenueId;

it('rows by column have the type of each column, and null where an item has no value', async () => {
  const items = [
    {
      id: VENUE,
      name: 'Comma, "quote", {brace}, back\\slash, 💶 and null',
      amount: Number.MAX_SAFE_INTEGER,
      price: '0.10',
      active: false,
      at: '2026-11-29T10:00:00.123Z',
      tags: ['a,b', '"', 'NULL', ''],
      parts: { city: 'Köln', lines: [1, 'two', null] },
    },
    { id: OTHER, name: 'null', tags: [] },
    { id: OTHER, name: null, active: null, amount: null },
  ] as const;
  const of =
    (name: string) =>
    (item: (typeof items)[number]): unknown =>
      (item as Readonly<Record<string, unknown>>)[name];
  const rows = rowsByColumn(items, [
    ...[
      ['id', 'uuid'],
      ['name', 'text'],
      ['amount', 'bigint'],
      ['price', 'numeric'],
      ['active', 'boolean'],
      ['at', 'timestamptz'],
      ['tags', 'text[]'],
      ['parts', 'jsonb'],
    ].map(([name = '', type = '']) => ({ name, type, of: of(name) })),
  ]);
  const read = await withVenue(db, VENUE, (tx) =>
    tx.execute(sql`
      select id, name, amount, price, active, to_char(at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, to_json(tags) as tags, parts,
        pg_typeof(r.at)::text as type_of_at from ${rows}`),
  );
  const type = { type_of_at: 'timestamp with time zone' };
  const nothing = { amount: null, price: null, active: null, at: null, parts: null };
  expect([...read]).toEqual([
    { ...items[0], amount: String(Number.MAX_SAFE_INTEGER), ...type },
    { ...nothing, ...items[1], ...type },
    { ...nothing, id: OTHER, name: null, tags: [], ...type },
  ]);
});

it('an empty list gives no rows', async () => {
  const rows = rowsByColumn([] as readonly string[], [{ name: 'id', type: 'uuid', of: (id) => id }]);
  expect([...(await withVenue(db, VENUE, (tx) => tx.execute(sql`select id from ${rows}`)))]).toEqual([]);
});

it('lists of ids and of texts are arrays of their type, and empty without any', async () => {
  const texts = ['a,b', '"', 'NULL', '', 'back\\slash', '{}', '💶'];
  const read = await withVenue(db, VENUE, (tx) =>
    tx.execute(sql`
      select to_json(${uuidList([VENUE, OTHER])}) as ids, to_json(${uuidList([])}) as no_ids, to_json(${textList(texts)}) as texts,
        pg_typeof(${uuidList([])})::text as type_of_ids, pg_typeof(${textList([])})::text as type_of_texts`),
  );
  const types = { type_of_ids: 'uuid[]', type_of_texts: 'text[]' };
  expect([...read]).toEqual([{ ids: [VENUE, OTHER], no_ids: [], texts, ...types }]);
});
