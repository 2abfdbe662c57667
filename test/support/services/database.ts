import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { useService } from './on-demand.ts';
import { urlOf, withAdmin } from './postgres-service.ts';

export interface TestDatabase {
  /** For a process under test: a login without rights, as in production. */
  readonly url: string;
  /** A superuser's URL, for migrations. */
  readonly ownerUrl: string;
  /** Bound by row-level security, like the services. */
  readonly db: Database;
  /** As `db`, with plans that are kept: for the inbox and what drains it. */
  readonly eventDb: Database;
  /** A superuser, who sees every venue: for assertions, and for states that no store can create. */
  readonly admin: postgres.Sql;
  /** Whether a transaction waits for what another one holds. */
  someoneWaits(): Promise<boolean>;
  drop(): Promise<void>;
}

/** Creates a database for one test file, with the schema and no rows; `drop` it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const server = await usePostgres();
  return openTestDatabase(server, server.template);
}

/** As `createTestDatabase`, without the schema: for code that migrates by itself. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return openTestDatabase(await usePostgres(), 'template0');
}

interface TestServer {
  readonly adminUrl: string;
  readonly serviceUrl: string;
  readonly template: string;
}

async function usePostgres(): Promise<TestServer> {
  const { adminUrl, serviceUrl, template } = await useService('postgres');
  if (adminUrl === undefined || serviceUrl === undefined || template === undefined)
    throw new Error('The shared Postgres did not say where it is');
  return { adminUrl, serviceUrl, template };
}

async function openTestDatabase(
  { adminUrl, serviceUrl, template: run }: TestServer,
  template: string,
): Promise<TestDatabase> {
  const name = `${run}_${randomBytes(4).toString('hex')}`;
  await withAdmin(adminUrl, (sql) => sql`create database ${sql(name)} template ${sql(template)} strategy file_copy`);
  const url = urlOf(serviceUrl, name);
  const ownerUrl = urlOf(adminUrl, name);
  const db = openDatabase({
    url,
    maxConnections: 10,
    readConnections: 4,
    writeConnections: 2,
    applicationName: 'interlock-test',
  });
  const eventDb = openDatabase({ url, maxConnections: 4, keepsPlans: true, applicationName: 'interlock-test-events' });
  const admin = postgres(ownerUrl, { max: 2, onnotice: () => undefined });
  return {
    url,
    ownerUrl,
    db,
    eventDb,
    admin,
    someoneWaits: async () => {
      const waiting = await admin`
        select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
      return waiting.length > 0;
    },
    drop: async () => {
      await Promise.all([db.$client, eventDb.$client, admin].map((client) => client.end({ timeout: 5 })));
      await withAdmin(adminUrl, (sql) => sql`drop database if exists ${sql(name)} with (force)`);
    },
  };
}
