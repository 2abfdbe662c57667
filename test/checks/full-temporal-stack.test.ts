import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import postgres from 'postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { migrateUp } from '../../db/core/migrate.ts';
import { checkDatabase } from '../../db/core/startup-check.ts';
import { openDatabase } from '../../db/core/venue-scope.ts';
import { composeEnvironment, createDatabases } from '../../checks/full-temporal/full-temporal-stack.ts';
import { metricsIn } from '../../checks/full-temporal/full-temporal-metrics.ts';
import { startEmbeddedPostgres } from '../../runtime/postgres/postgres.ts';
import type { EmbeddedPostgres } from '../../runtime/postgres/postgres.ts';

describe('the environment of a service', () => {
  it('takes the variables of compose.yaml from .env, or their defaults', () => {
    const dotenv = { INTERLOCK_DB_PASSWORD: 'd1', PUBLIC_URL: 'https://api.example', LOG_LEVEL: '' };
    expect(composeEnvironment('api', dotenv)).toMatchObject({
      DATABASE_URL: 'postgres://interlock:d1@postgres:5432/interlock',
      PUBLIC_URL: 'https://api.example',
      LOG_LEVEL: 'info',
      JWT_SECRET: '',
    });
  });

  it('names a missing required variable and where it belongs', () => {
    expect(() => composeEnvironment('api', {})).toThrow(
      'INTERLOCK_DB_PASSWORD is missing: set it in temporal-docker/.env',
    );
  });
});

it('finds the metrics at any position of an expression', () => {
  expect(metricsIn('histogram_quantile(0.95, sum by (le, x) (rate(a_bucket{b="c"}[5m]))) / sum(d{e=~".+"})')).toEqual([
    'a_bucket',
    'd',
  ]);
});

describe('the databases', () => {
  const dataFolder = path.join(tmpdir(), `interlock_stack_${randomBytes(4).toString('hex')}`);
  // Contains characters that would end a literal, to prove that they do not.
  const passwords = {
    TEMPORAL_DB_PASSWORD: 'tem',
    INTERLOCK_MIGRATIONS_DB_PASSWORD: "mi'gr",
    INTERLOCK_DB_PASSWORD: 'ser',
  };
  let server: EmbeddedPostgres;
  const urlOf = (login: string, password: string, database: string) =>
    `postgres://${login}:${encodeURIComponent(password)}@127.0.0.1:${server.port}/${database}`;
  const ask = async (url: string, query: string) => {
    const sql = postgres(url, { max: 1, onnotice: () => undefined });
    try {
      return await sql.unsafe(query);
    } finally {
      await sql.end({ timeout: 5 });
    }
  };
  const service = () => urlOf('interlock', passwords.INTERLOCK_DB_PASSWORD, 'interlock');
  const migrations = () => urlOf('interlock_migrations', passwords.INTERLOCK_MIGRATIONS_DB_PASSWORD, 'interlock');
  const temporal = (database: string) => urlOf('temporal', passwords.TEMPORAL_DB_PASSWORD, database);

  beforeAll(async () => {
    server = await startEmbeddedPostgres({ dataFolder, password: 'admin', disposable: true, log: () => undefined });
    await createDatabases(server.url, 'temporal.sql', passwords);
    await createDatabases(server.url, 'interlock.sql', passwords);
    await migrateUp({ url: migrations(), log: () => undefined });
  });
  afterAll(async () => {
    await server.stop();
    rmSync(dataFolder, { recursive: true, force: true });
  });

  it('admit the services as a login bound by row-level security', async () => {
    const db = openDatabase({ url: service(), maxConnections: 1, applicationName: 'interlock-test' });
    try {
      await expect(checkDatabase(db)).resolves.toBeUndefined();
    } finally {
      await db.$client.end({ timeout: 5 });
    }
  });

  it('refuse access to another login’s database', async () => {
    await expect(ask(urlOf('interlock', passwords.INTERLOCK_DB_PASSWORD, 'temporal'), 'select 1')).rejects.toThrow(
      'permission denied for database',
    );
    await expect(ask(temporal('interlock'), 'select 1')).rejects.toThrow('permission denied for database');
    // Readable by interlock_app, a role that this login has only after SET ROLE.
    await expect(ask(service(), 'select * from interlock_migrations')).rejects.toThrow('permission denied for table');
    await expect(ask(service(), 'create table mine (id int)')).rejects.toThrow('permission denied for schema');
  });

  it('let Temporal create its tables and the extension that its visibility needs', async () => {
    for (const database of ['temporal', 'temporal_visibility']) {
      await expect(ask(temporal(database), 'create table mine (id int)')).resolves.toBeDefined();
      await expect(ask(temporal(database), 'create extension btree_gin')).resolves.toBeDefined();
    }
  });

  it('have no unrestricted login besides the superuser', async () => {
    const logins = await ask(
      server.url,
      "select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname ~ '^(interlock|temporal)'",
    );
    expect(logins).toHaveLength(4);
    for (const login of logins)
      expect(login).toMatchObject({ rolsuper: false, rolbypassrls: false, rolcreaterole: false });
  });
});
