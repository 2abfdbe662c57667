import { eq, sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { readInstant } from '../../../db/core/instants.ts';
import { ListStatements, queryBuilder, selectStatement, statement } from '../../../db/core/statement.ts';
import { readVenue, withVenue } from '../../../db/core/venue-scope.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { connections } from '../../../db/schema/connections/connections.ts';
import { syncRuns } from '../../../db/schema/runs/sync-runs.ts';
import { createTestDatabase } from '../../support/services/database.ts';
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
