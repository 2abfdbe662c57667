import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Transaction } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** When the server ends a transaction's connection: during a statement or between two. */
type When = 'in a statement' | 'between statements';

async function transactionThatIsCut(when: When, underSavepoint: boolean): Promise<unknown> {
  return database.db.transaction((outer) =>
    underSavepoint ? outer.transaction((tx) => work(tx, when)) : work(outer, when),
  );
}

async function work(tx: Transaction, when: When): Promise<unknown> {
  const [backend] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`);
  const cut = () => database.admin`select pg_terminate_backend(${backend?.pid ?? 0}, 5000)`;
  if (when === 'between statements') await cut();
  const [rows] = await Promise.all([tx.execute(sql`select pg_sleep(20)`), when === 'in a statement' ? cut() : null]);
  return rows;
}

// An unhandled error would end this process, and a service too; vitest fails the file for one.
it.each([
  ['in a statement', false],
  ['between statements', false],
  ['in a statement', true],
  ['between statements', true],
] as const)(
  'work that loses its connection %s is rejected, and the pool keeps working, under a savepoint: %s',
  async (when, underSavepoint) => {
    for (let round = 0; round < 5; round += 1) {
      const cut = await Promise.allSettled(Array.from({ length: 4 }, () => transactionThatIsCut(when, underSavepoint)));
      expect(cut.map(({ status }) => status)).toEqual(Array.from({ length: 4 }, () => 'rejected'));
      const rows = await Promise.all(
        Array.from({ length: 10 }, () =>
          database.db.transaction((tx) => tx.execute<{ one: number }>(sql`select 1 as one`)),
        ),
      );
      expect(rows.map(([row]) => row?.one)).toEqual(Array.from({ length: 10 }, () => 1));
    }
  },
);
