import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase } from '../../../db/core/startup-check.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

describe('the startup check of the database', () => {
  // Roles outlive the database, so they carry its name and are dropped with it.
  const roles: string[] = [];
  let database: TestDatabase;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    for (const role of roles.reverse())
      await database.admin.unsafe(
        `reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`,
      );
    await database.drop();
  });

  it('passes for the application role on a migrated database', async () => {
    await expect(checkDatabase(database.db)).resolves.toBeUndefined();
  });

  it('rejects a superuser, whom row-level security does not bind', async () => {
    await expect(checkDatabase(drizzle(database.admin))).rejects.toThrow(/superuser/);
  });

  it('rejects a role with BYPASSRLS', async () => {
    await expect(checkAs(await aRole('bypassrls'))).rejects.toThrow(/BYPASSRLS/);
  });

  it('rejects a role that owns a table, directly or through another role', async () => {
    const owner = await aRole('');
    await database.admin`alter table customers owner to ${database.admin(owner)}`;
    await expect(checkAs(owner)).rejects.toThrow(/owns the table "customers"/);
    await expect(checkAs(await aRole(`in role ${owner}`))).rejects.toThrow(/owns the table "customers"/);
  });

  async function aRole(attributes: string): Promise<string> {
    const role = `${new URL(database.url).pathname.slice(1)}_${roles.length}`;
    await database.admin.unsafe(`create role ${role} nologin ${attributes}`);
    roles.push(role);
    return role;
  }

  async function checkAs(role: string): Promise<void> {
    const client = postgres(database.url, { max: 1, connection: { options: `-c role=${role}` } });
    try {
      await checkDatabase(drizzle(client));
    } finally {
      await client.end();
    }
  }
});
