import { randomUUID } from 'node:crypto';
import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { RepeatedStatements } from '../../../db/core/repeated-statements.ts';
import { openDatabase, withVenue } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';

describe('the choice of statements to prepare', () => {
  it('accepts a text from its fifth execution on, counted per text', () => {
    const statements = new RepeatedStatements();
    const answers = Array.from({ length: 6 }, () => statements.isRepeated('select $1'));
    expect(answers).toEqual([false, false, false, false, true, true]);
    expect(statements.isRepeated('select $2')).toBe(false);
  });

  it('accepts at most 128 texts, so that the server keeps a bounded number', () => {
    const statements = new RepeatedStatements();
    const taken = Array.from({ length: 400 }, (_, index) => {
      const text = `select ${index}`;
      return Array.from({ length: 5 }, () => statements.isRepeated(text)).at(-1);
    }).filter(Boolean);
    expect(taken).toHaveLength(128);
  });

  it('never accepts a text longer than 20,000 characters', () => {
    const statements = new RepeatedStatements();
    const text = `select '${'x'.repeat(20_000)}'`;
    expect(Array.from({ length: 10 }, () => statements.isRepeated(text))).not.toContain(true);
  });
});

describe('a connection pool', () => {
  let database: Awaited<ReturnType<typeof createTestDatabase>>;
  let db: Database;
  beforeAll(async () => {
    database = await createTestDatabase();
    db = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'test' });
  });
  afterAll(async () => {
    await db.$client.end();
    await database.drop();
  });

  const venueId = randomUUID() as VenueId;
  const ask = (value: number | null, list: readonly number[]) =>
    withVenue(db, venueId, (tx) =>
      tx.execute(
        sql`select ${value}::int as value, ${`{${list.join(',')}}`}::int[] as list, current_setting('app.venue_id') as venue`,
      ),
    );
  const prepared = () =>
    withVenue(db, venueId, (tx) =>
      tx.execute<{ statement: string }>(sql`select statement from pg_prepared_statements`),
    ).then((rows) => rows.map(({ statement }) => statement));

  it('prepares the statements that its transactions repeat, and gives the same results before and after', async () => {
    for (let value = 0; value < 8; value += 1) {
      const list = Array.from({ length: value }, (_, index) => index);
      const [row] = await ask(value === 3 ? null : value, list);
      expect(row).toMatchObject({ value: value === 3 ? null : value, list: `{${list.join(',')}}`, venue: venueId });
    }
    const texts = await prepared();
    expect(texts.filter((text) => text.includes('::int[] as list'))).toHaveLength(1);
    expect(texts.filter((text) => text.includes("set_config('app.venue_id'"))).toHaveLength(1);
  });

  it('continues to use a prepared statement after it has failed', async () => {
    const divide = (by: number) => withVenue(db, venueId, (tx) => tx.execute(sql`select 10 / ${by}::int as share`));
    for (let times = 0; times < 6; times += 1) expect(await divide(5)).toMatchObject([{ share: 2 }]);
    await expect(divide(0)).rejects.toMatchObject({ cause: { code: '22012' } });
    expect(await divide(2)).toMatchObject([{ share: 5 }]);
  });
});
