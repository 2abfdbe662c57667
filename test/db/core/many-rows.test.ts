import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { transactionOf, writeMany } from '../../../db/core/many-rows.ts';
import { openDatabase, withVenue } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

const MODE = sql`select current_setting('plan_cache_mode') as mode`;

describe('a statement that writes many rows', () => {
  let database: TestDatabase;
  let db: Database;
  let venueId: VenueId;
  beforeAll(async () => {
    database = await createTestDatabase();
    // As a service opens it.
    db = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'test' });
    venueId = await aVenue(database.db);
  });
  afterAll(async () => {
    await db.$client.end();
    await database.drop();
  });

  it('runs where Postgres keeps the plans of foreign key checks, and no other statement does', async () => {
    await withVenue(db, venueId, async (tx) => {
      expect(await writeMany(tx, MODE)).toEqual([{ mode: 'auto' }]);
      expect([...(await tx.execute(MODE))]).toEqual([{ mode: 'force_custom_plan' }]);
    });
    expect([...(await db.execute(MODE))]).toEqual([{ mode: 'force_custom_plan' }]);
  });

  it('leaves a transaction as it is that keeps all its plans', async () => {
    await withVenue(db, venueId, async (tx) => {
      await tx.execute(sql`set local plan_cache_mode = force_generic_plan`);
      expect(await writeMany(tx, MODE)).toEqual([{ mode: 'force_generic_plan' }]);
      expect([...(await tx.execute(MODE))]).toEqual([{ mode: 'force_generic_plan' }]);
    });
  });

  it('is sent alone where the database keeps plans', async () => {
    const keeping = openDatabase({ url: database.url, maxConnections: 1, keepsPlans: true, applicationName: 'test' });
    const statements: string[] = [];
    try {
      await transactionOf(keeping, async (tx) => {
        const execute = tx.execute.bind(tx);
        tx.execute = (query) => {
          statements.push(JSON.stringify(query));
          return execute(query);
        };
        expect(await writeMany(tx, MODE)).toEqual([{ mode: 'force_generic_plan' }]);
      });
    } finally {
      await keeping.$client.end();
    }
    expect(statements).toEqual([JSON.stringify(MODE)]);
  });

  it('leaves no mark on the connection when it fails', async () => {
    const failing = () => withVenue(db, venueId, (tx) => writeMany(tx, sql`select 1 / 0`));
    await expect(failing()).rejects.toMatchObject({ cause: { code: '22012' } });
    await withVenue(db, venueId, async (tx) => {
      await tx.transaction((savepoint) => writeMany(savepoint, sql`select 1 / 0`)).catch(() => undefined);
      expect([...(await tx.execute(MODE))]).toEqual([{ mode: 'force_custom_plan' }]);
    });
    expect([...(await db.execute(MODE))]).toEqual([{ mode: 'force_custom_plan' }]);
  });
});
