import { drizzle } from 'drizzle-orm/postgres-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase } from '../../db/startup-check.ts';
import { createTestDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';

describe('the check before a service starts', () => {
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(() => database.drop());

  it('passes for the application role on a migrated database', async () => {
    await expect(checkDatabase(database.db)).resolves.toBeUndefined();
  });

  it('refuses a superuser, whom row-level security does not bind', async () => {
    await expect(checkDatabase(drizzle(database.admin))).rejects.toThrow(/superuser/);
  });
});
