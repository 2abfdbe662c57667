import { DrizzleQueryError, eq, sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { readInstant } from '../../../db/core/instants.ts';
import { executeWide, ListStatements, queryBuilder, selectStatement, statement } from '../../../db/core/statement.ts';
import { readVenue, together, withVenue } from '../../../db/core/venue-scope.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { connections } from '../../../db/schema/connections/connections.ts';
import { syncRuns } from '../../../db/schema/runs/sync-runs.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { Transaction } from '../../../db/core/venue-scope.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';

describe('a statement that is built once', () => {
  let database: TestDatabase;
  let venueId: VenueId;
  beforeAll(async () => {
    database = await createTestDatabase();
    venueId = await aVenue(database.db);
    const connection = await aConnection(database.db, venueId);
    await createSyncRunStore(database.db).openOrJoin(aNewRun(connection));
  });
  afterAll(() => database.drop());

  it.each([
    ['connections', connections],
    ['sync runs', syncRuns],
  ] as const)('reads the rows of %s as Drizzle does', async (_what, table) => {
    const read = selectStatement(
      queryBuilder
        .select()
        .from(table)
        .where(eq(table.venueId, sql.placeholder('venueId'))),
    );
    const rows = await readVenue(database.db, venueId, { statement: read, values: { venueId } });
    expect(rows).toHaveLength(1);
    expect(rows).toEqual(await withVenue(database.db, venueId, (tx) => tx.select().from(table)));
  });

  it('takes a time, a text and a number for its placeholders', async () => {
    const read = statement<Record<string, unknown>>(
      sql`select ${sql.placeholder('at')}::timestamptz = '2026-01-01T00:00:00.5Z' as same, ${sql.placeholder('text')}::text as text, ${sql.placeholder('count')}::int + ${1} as count`,
    );
    const values = { at: new Date('2026-01-01T00:00:00.500Z'), text: `';--`, count: 41 };
    expect(await readVenue(database.db, venueId, { statement: read, values })).toEqual([
      { same: true, text: `';--`, count: 42 },
    ]);
  });

  it('fails without a value for a placeholder', async () => {
    const read = statement(sql`select ${sql.placeholder('text')}::text as text`);
    await expect(readVenue(database.db, venueId, { statement: read, values: {} })).rejects.toThrow(/value for text/);
  });
});

describe('the statements of a list', () => {
  it('are built once for each set of filters that is given', () => {
    const built: string[][] = [];
    const lists = new ListStatements((given) => {
      built.push(Object.keys(given));
      return statement(sql`select ${sql.join(Object.values(given), sql`, `)}`);
    });
    const [first, again] = [lists.for({ a: 1, b: null, c: undefined }), lists.for({ a: 2, b: null })];
    const other = lists.for({ a: 1, b: false });
    expect(again.statement).toBe(first.statement);
    expect(first.statement.text).toBe('select $1');
    expect(other.statement.text).toBe('select $1, $2');
    expect(built).toEqual([['a'], ['a', 'b']]);
  });
});

describe('a time as Postgres writes it', () => {
  it.each([
    ['2026-11-21 10:15:00+00', '2026-11-21T10:15:00.000Z'],
    ['2026-11-21 10:15:00.5+00', '2026-11-21T10:15:00.500Z'],
    ['2026-11-21 10:15:00.123456+00', '2026-11-21T10:15:00.123Z'],
    ['2026-11-21 10:15:00.05+02', '2026-11-21T08:15:00.050Z'],
    ['2026-11-21 10:15:00-08', '2026-11-21T18:15:00.000Z'],
    ['2026-11-21 10:15:00.25+05:30', '2026-11-21T04:45:00.250Z'],
    ['0001-01-01 00:00:00+00', '0001-01-01T00:00:00.000Z'],
    ['2026-11-21T10:15:00.1+00:00', '2026-11-21T10:15:00.100Z'],
  ])('is read: %s', (text, iso) => {
    expect(readInstant(text).toISOString()).toBe(iso);
  });
});

describe('a statement with wide rows', () => {
  let database: TestDatabase;
  let venueId: VenueId;
  beforeAll(async () => {
    database = await createTestDatabase();
    venueId = await aVenue(database.db);
  });
  afterAll(() => database.drop());

  const columns = Array.from({ length: 30 }, (_, no) => sql.raw(`no + ${no} as c${no}`));
  const wide = sql`
    select ${sql.join(columns, sql`, `)}, null as nothing, '{"a": [1]}'::jsonb as document, array['x', 'y'] as list, '2026-11-30'::timestamptz as at
    from generate_series(1, ${3}::int) as no order by no`;

  it('has the rows that Drizzle reads', async () => {
    const [read, expected] = await withVenue(database.db, venueId, async (tx) => [
      await executeWide(tx, wide),
      [...(await tx.execute(wide))],
    ]);
    expect(read).toHaveLength(3);
    expect(read).toEqual(expected);
  });

  it('is sent when it is called, in the order of the calls', async () => {
    const rows = await withVenue(database.db, venueId, async (tx) => {
      const [, read] = await together(
        tx.execute(sql`select set_config('app.test', 'before', true)`).execute(),
        executeWide<{ at: string }>(tx, sql`select current_setting('app.test', true) as at`),
        tx.execute(sql`select set_config('app.test', 'after', true)`).execute(),
      );
      return read;
    });
    expect(rows).toEqual([{ at: 'before' }]);
  });

  it('fails as statements of Drizzle do, by which an outage is told from other failures', async () => {
    const failing = sql`select 1 / ${0}::int as none`;
    const failures = await Promise.all(
      [executeWide, (tx: Transaction, of: SQL) => tx.execute(of).execute()].map((run) =>
        withVenue(database.db, venueId, (tx) => run(tx, failing)).catch((error: unknown) => error),
      ),
    );
    expect(failures[0]).toBeInstanceOf(DrizzleQueryError);
    expect(failures[0]).toEqual(failures[1]);
  });
});
