import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { migrateDown, migrateUp, readMigrationStatus } from '../../../db/core/migrate.ts';
import { ensureServiceLogin } from '../../../db/core/service-login.ts';
import { checkDatabase } from '../../../db/core/startup-check.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import { startEmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import type { EmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import { createEmptyDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { urlOf } from '../../support/services/postgres-service.ts';
import { readCatalogue, readGrants } from './catalogue.ts';

const quiet = () => undefined;

describe('migrations', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await createEmptyDatabase();
  });
  afterEach(() => database.drop());

  it('give the same database after up, down and up again', async () => {
    const { ownerUrl: url, admin } = database;
    await migrateUp({ url, log: quiet });
    const first = [await readCatalogue(admin), await readGrants(admin)];
    await migrateDown({ url, to: 0, log: quiet });
    await migrateUp({ url, log: quiet });
    expect([await readCatalogue(admin), await readGrants(admin)]).toEqual(first);
  });

  it('remove everything they created when migrated down to 0', async () => {
    const { ownerUrl: url, admin } = database;
    const before = [await readCatalogue(admin), await readGrants(admin)];
    await migrateUp({ url, log: quiet });
    expect(await readCatalogue(admin)).not.toEqual(before[0]);

    await expect(migrateDown({ url, to: 0, log: quiet })).resolves.toBe(0);
    expect([await readCatalogue(admin), await readGrants(admin)]).toEqual(before);
    const [left] =
      await admin`select count(*)::int as relations from pg_class where relnamespace = 'public'::regnamespace`;
    expect(left).toEqual({ relations: 0 });
  });

  it('keep the application role on the way down while another database uses it', async () => {
    const { ownerUrl: url, admin } = database;
    await migrateUp({ url, log: quiet });
    await migrateDown({ url, to: 0, log: quiet });
    expect(await admin`select rolname from pg_roles where rolname = 'interlock_app'`).toHaveLength(1);
  });

  it('are applied once when several processes start together', async () => {
    const { ownerUrl: url } = database;
    const applied: string[] = [];
    const versions = await Promise.all([1, 2, 3, 4].map(() => migrateUp({ url, log: (line) => applied.push(line) })));
    const { newest, version } = await readMigrationStatus({ url });
    expect(version).toBe(newest);
    expect(versions).toEqual([newest, newest, newest, newest]);
    expect(applied).toHaveLength(newest);
  });

  it('do nothing on a second up', async () => {
    const { ownerUrl: url } = database;
    await migrateUp({ url, log: quiet });
    const applied: string[] = [];
    await migrateUp({ url, log: (line) => applied.push(line) });
    expect(applied).toEqual([]);
  });

  it('reject a database whose applied migration differs from the file', async () => {
    const { ownerUrl: url, admin } = database;
    await migrateUp({ url, log: quiet });
    await admin`update interlock_migrations set md5 = 'another file' where version = 1`;
    await expect(migrateUp({ url, log: quiet })).rejects.toThrow(/MD5 checksum failed for migration \[1\]/);
  });

  it('reject a database that newer code has migrated', async () => {
    const { ownerUrl: url, admin } = database;
    const version = await migrateUp({ url, log: quiet });
    await admin`insert into interlock_migrations (version) values (${version + 1})`;
    await expect(migrateUp({ url, log: quiet })).rejects.toThrow(/run newer code/);
  });

  it('leave nothing behind when one fails', async () => {
    const { ownerUrl: url, admin } = database;
    await admin`create table sync_runs (id int)`;
    await expect(migrateUp({ url, log: quiet })).rejects.toThrow(/already exists/);
    expect(await admin`select relname from pg_class where relnamespace = 'public'::regnamespace`).toEqual([
      { relname: 'sync_runs' },
    ]);
    await expect(readMigrationStatus({ url })).resolves.toMatchObject({ version: 0 });
  });

  it('are required before a service starts', async () => {
    const { ownerUrl: url, db } = database;
    await expect(checkDatabase(db)).rejects.toThrow(/node db\/main.ts up/);
    await migrateUp({ url, log: quiet });
    await expect(checkDatabase(db)).resolves.toBeUndefined();
  });
});

describe('migrations in a new cluster', () => {
  const dataFolder = join(tmpdir(), `interlock_test_${randomBytes(4).toString('hex')}`);
  let server: EmbeddedPostgres;
  let admin: postgres.Sql;
  beforeAll(async () => {
    server = await startEmbeddedPostgres({ dataFolder, password: 'a password', disposable: true, log: quiet });
    admin = postgres(server.url, { max: 1, onnotice: quiet });
  });
  afterAll(async () => {
    await admin.end();
    await server.stop();
    await rm(dataFolder, { recursive: true, force: true });
  });

  const rolesOfTheApplication = () => admin`select rolname from pg_roles where rolname = 'interlock_app'`;

  it('share one application role when several databases migrate at once, and the last one down removes it', async () => {
    const names = ['one', 'two', 'three', 'four'];
    for (const name of names) await admin`create database ${admin(name)}`;
    await Promise.all(names.map((name) => migrateUp({ url: urlOf(server.url, name), log: quiet })));
    expect(await rolesOfTheApplication()).toHaveLength(1);

    for (const name of names) {
      expect(await rolesOfTheApplication()).toHaveLength(1);
      await migrateDown({ url: urlOf(server.url, name), to: 0, log: quiet });
    }
    expect(await rolesOfTheApplication()).toHaveLength(0);
  }, 180_000);

  it('work for an owner without superuser rights, and its services are bound by row-level security', async () => {
    await admin`create role owner login createrole password 'owner'`;
    await admin`create database owned owner owner`;
    const url = Object.assign(new URL(urlOf(server.url, 'owned')), { username: 'owner', password: 'owner' }).href;
    await migrateUp({ url, log: quiet });

    const services = await ensureServiceLogin(url, { name: 'owned_service', password: 'service' });
    const db = openDatabase({ url: services, maxConnections: 1, applicationName: 'test' });
    try {
      await expect(checkDatabase(db)).resolves.toBeUndefined();
    } finally {
      await db.$client.end();
    }
  });

  it('name the role when the login may neither create nor assume it', async () => {
    await admin`create role stranger login password 'stranger'`;
    await admin`create database strange owner stranger`;
    const url = Object.assign(new URL(urlOf(server.url, 'strange')), {
      username: 'stranger',
      password: 'stranger',
    }).href;

    await admin`drop database if exists owned`;
    await admin`drop role if exists interlock_app`;
    await expect(migrateUp({ url, log: quiet })).rejects.toThrow(/stranger may not create the role interlock_app/);
    await admin`create role interlock_app`;
    await expect(migrateUp({ url, log: quiet })).rejects.toThrow(
      /stranger may not grant itself the role interlock_app/,
    );
    await admin`grant interlock_app to stranger`;
    await expect(migrateUp({ url, log: quiet })).resolves.toBeGreaterThan(0);
  });
});
