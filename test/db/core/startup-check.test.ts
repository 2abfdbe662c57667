import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase } from '../../../db/core/startup-check.ts';
import type { VenueId } from '../../../contracts/ids.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

let database: TestDatabase;
let venueId: VenueId;
// Roles outlive the database, so they carry its name and are dropped with it.
const roles: string[] = [];
beforeAll(async () => {
  database = await createTestDatabase();
  venueId = await aVenue(database.db);
});
afterAll(async () => {
  for (const role of roles.reverse())
    await database.admin.unsafe(`reassign owned by ${role} to current_user; drop owned by ${role}; drop role ${role}`);
  await database.drop();
});

async function aRole(attributes = ''): Promise<string> {
  const role = `${new URL(database.url).pathname.slice(1)}_${roles.length}`;
  await database.admin.unsafe(`create role ${role} noinherit ${attributes}`);
  roles.push(role);
  return role;
}

/** A login with these attributes that may become `interlock_app` and the given roles. */
async function aLogin(attributes = '', ...become: string[]): Promise<string> {
  const login = await aRole(`login password 'pw' ${attributes}`);
  for (const role of ['interlock_app', ...become]) await database.admin.unsafe(`grant ${role} to ${login}`);
  return Object.assign(new URL(database.url), { username: login, password: 'pw' }).href;
}

/** Connects like a service, with the role `interlock_app`. */
async function check(url: string): Promise<void> {
  const db = openDatabase({ url, maxConnections: 1, applicationName: 'interlock-test' });
  try {
    await checkDatabase(db);
  } finally {
    await db.$client.end({ timeout: 5 });
  }
}

describe('the startup check of the database', () => {
  it('passes for a login that may become the application role and nothing else', async () => {
    await expect(checkDatabase(database.db)).resolves.toBeUndefined();
    await expect(check(await aLogin())).resolves.toBeUndefined();
  });

  it('rejects a superuser login, even when the connection has the application role', async () => {
    await expect(check(database.ownerUrl)).rejects.toThrow(/login "\w+" is a superuser/);
    await expect(checkDatabase(drizzle(database.admin))).rejects.toThrow(/is a superuser/);
  });

  it('rejects a login with BYPASSRLS', async () => {
    await expect(check(await aLogin('bypassrls'))).rejects.toThrow(/login "\w+" has BYPASSRLS/);
  });

  it('rejects a login that may become a role with BYPASSRLS or a superuser, directly or through another role', async () => {
    const bypassing = await aRole('bypassrls');
    await expect(check(await aLogin('', bypassing))).rejects.toThrow(/which this login may become, has BYPASSRLS/);
    const between = await aRole(`in role ${bypassing}`);
    await expect(check(await aLogin('', between))).rejects.toThrow(/which this login may become, has BYPASSRLS/);
    const root = await aRole('superuser');
    await expect(check(await aLogin('', root))).rejects.toThrow(/which this login may become, is a superuser/);
  });

  it('rejects a login that owns a table, directly or through another role', async () => {
    const owner = await aRole();
    await database.admin`alter table customers owner to ${database.admin(owner)}`;
    await expect(check(await aLogin('', owner))).rejects.toThrow(/may become, owns the table "customers"/);
    await database.admin`alter table customers owner to current_user`;
    const url = await aLogin();
    await database.admin`alter table webhook_inbox owner to ${database.admin(new URL(url).username)}`;
    await expect(check(url)).rejects.toThrow(/login "\w+" owns the table "webhook_inbox"/);
    await database.admin`alter table webhook_inbox owner to current_user`;
  });

  it('rejects a login with access to the server’s files or programs', async () => {
    await expect(check(await aLogin('', 'pg_execute_server_program'))).rejects.toThrow(/reaches files or programs/);
  });
});

describe('the login that services connect with', () => {
  const escaped = async (escape: SQL, then: (db: Database) => Promise<unknown>) => {
    const db = openDatabase({ url: database.url, maxConnections: 1, applicationName: 'interlock-test' });
    try {
      await db.execute(escape);
      // Policies read these settings during planning, before privileges are checked.
      await db.execute(sql`select set_config('app.venues', '*', false), set_config('app.venue_id', ${venueId}, false)`);
      await then(db);
    } finally {
      await db.$client.end({ timeout: 5 });
    }
  };

  it.each([
    ['set role none', sql`set role none`],
    ["set_config('role', 'none')", sql`select set_config('role', 'none', false)`],
  ])('has no rights once a statement has given up the application role by "%s"', async (_how, escape) => {
    await escaped(escape, async (db) => {
      for (const table of ['venues', 'customers', 'oauth_tokens', 'audit_log', 'service_keys'])
        await expect(db.execute(sql`select * from ${sql.identifier(table)}`)).rejects.toMatchObject({
          cause: { code: '42501' },
        });
    });
  });

  it.each([
    ['reset role', sql`reset role`],
    ['reset all', sql`reset all`],
    ['set session authorization default', sql`set session authorization default`],
  ])('still has the application role and sees one venue after "%s"', async (_how, escape) => {
    const other = await aVenue(database.db);
    await database.admin`insert into customers (id, venue_id, source_id) values (gen_random_uuid(), ${other}, 'theirs')`;
    await escaped(escape, async (db) => {
      expect(await db.execute(sql`select current_user::text as role`)).toEqual([{ role: 'interlock_app' }]);
      expect(await db.execute(sql`select * from customers`)).toEqual([]);
    });
  });

  it('may become no other role', async () => {
    const client = postgres(database.url, { max: 1, onnotice: () => undefined });
    try {
      const other =
        await client`select rolname from pg_roles where pg_has_role(session_user, oid, 'member') and rolname not in (session_user, 'interlock_app')`;
      expect(other).toEqual([]);
      await expect(client`set role postgres`).rejects.toMatchObject({ code: '42501' });
    } finally {
      await client.end();
    }
  });
});
