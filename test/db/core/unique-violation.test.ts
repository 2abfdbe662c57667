import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isUniqueViolation } from '../../../db/core/unique-violation.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let database: TestDatabase;
let db: Database;
beforeAll(async () => {
  database = await createTestDatabase();
  await database.admin`create table badges (id int primary key, badge int unique deferrable initially deferred)`;
  await database.admin`grant all on badges to interlock_app`;
  await database.admin`insert into badges values (1, 1)`;
  db = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'test' });
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

const thrownBy = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );
const insert = (id: number, badge: number) =>
  db.transaction((tx) => tx.execute(sql`insert into badges values (${id}, ${badge})`));

describe('a unique violation', () => {
  it('is recognised when the statement fails', async () => {
    expect(isUniqueViolation(await thrownBy(insert(1, 2)))).toBe(true);
  });

  it('is recognised when the commit fails', async () => {
    expect(isUniqueViolation(await thrownBy(insert(2, 1)))).toBe(true);
  });

  it('is recognised when the driver throws it without Drizzle', async () => {
    expect(isUniqueViolation(await thrownBy(db.$client`insert into badges values (1, 3)`))).toBe(true);
  });

  it('is recognised however deeply it is wrapped', async () => {
    const inner = await thrownBy(insert(1, 2));
    expect(isUniqueViolation(new Error('outer', { cause: new Error('middle', { cause: inner }) }))).toBe(true);
  });

  it.each([
    ['another Postgres error', () => thrownBy(insert(3, Number.MAX_SAFE_INTEGER))],
    ['an error with a number for a code', () => Promise.resolve(Object.assign(new Error('x'), { code: 23505 }))],
    ['no error', () => Promise.resolve({ code: '23505' })],
  ])('is not recognised in %s', async (_what, thrown) => {
    expect(isUniqueViolation(await thrown())).toBe(false);
  });
});
