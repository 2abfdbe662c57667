import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { useService } from './on-demand.ts';
import { urlOf, withAdmin } from './postgres-service.ts';

export interface TestDatabase {
  /** For a process under test. */
  readonly url: string;
  /** Bound by row-level security, as the services are. */
  readonly db: Database;
  /** A superuser, who sees every venue: for assertions and for arranging what no store can. */
  readonly admin: postgres.Sql;
  drop(): Promise<void>;
}

/** A database of its own for a test file, with the schema and no rows; `drop` it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = await usePostgres();
  return openTestDatabase(adminUrl, { name: `${template}_${randomBytes(4).toString('hex')}`, template });
}

/** As `createTestDatabase`, without the schema: for what migrates by itself. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  const { adminUrl, template } = await usePostgres();
  return openTestDatabase(adminUrl, { name: `${template}_${randomBytes(4).toString('hex')}`, template: 'template0' });
}

async function usePostgres(): Promise<{ readonly adminUrl: string; readonly template: string }> {
  const { adminUrl, template } = await useService('postgres');
  if (adminUrl === undefined || template === undefined) throw new Error('The shared Postgres did not say where it is');
  return { adminUrl, template };
}

async function openTestDatabase(
  adminUrl: string,
  { name, template }: { readonly name: string; readonly template: string },
): Promise<TestDatabase> {
  await withAdmin(adminUrl, (sql) => sql`create database ${sql(name)} template ${sql(template)}`);
  const url = urlOf(adminUrl, name);
  const db = openDatabase({ url, maxConnections: 10, applicationName: 'interlock-test' });
  const admin = postgres(url, { max: 2, onnotice: () => undefined });
  return {
    url,
    db,
    admin,
    drop: async () => {
      await Promise.all([db.$client.end({ timeout: 5 }), admin.end({ timeout: 5 })]);
      await withAdmin(adminUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`);
    },
  };
}
