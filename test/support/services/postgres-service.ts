import { randomBytes } from 'node:crypto';
import { rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import postgres from 'postgres';
import { migrateUp } from '../../../db/core/migrate.ts';
import { ensureServiceLogin } from '../../../db/core/service-login.ts';
import { startEmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import type { EmbeddedPostgres } from '../../../runtime/postgres/postgres.ts';
import type { SharedService } from './on-demand.ts';

/**
 * One Postgres for the run: TEST_DATABASE_URL, which must name a superuser, or an embedded one in a temporary folder.
 * Returns `adminUrl`, `serviceUrl` for the login of the services, and `template`: the name of a migrated database to
 * clone.
 */
export function createPostgresService(): SharedService {
  const run = `interlock_test_${randomBytes(4).toString('hex')}`;
  let dataFolder: string | null = null;
  const external = process.env['TEST_DATABASE_URL'];
  let embedded: EmbeddedPostgres | null = null;
  let adminUrl = external ?? '';
  const login = { name: `${run}_service`, password: randomBytes(12).toString('hex') };

  return {
    start: async () => {
      if (!external) {
        // Not created by mkdtemp, whose folder the user that runs Postgres under root could not enter.
        dataFolder = join(await folderForData(), run);
        embedded = await startEmbeddedPostgres({
          dataFolder,
          password: randomBytes(12).toString('hex'),
          disposable: true,
          log: () => undefined,
        });
        adminUrl = embedded.url;
      }
      await withAdmin(adminUrl, (sql) => sql`create database ${sql(run)}`);
      await migrateUp({ url: urlOf(adminUrl, run), log: () => undefined });
      return { adminUrl, serviceUrl: await ensureServiceLogin(adminUrl, login), template: run };
    },

    stop: async () => {
      if (!external) {
        await embedded?.stop();
        if (dataFolder !== null) await rm(dataFolder, { recursive: true, force: true });
        return;
      }
      await withAdmin(adminUrl, async (sql) => {
        const left = await sql<
          { datname: string }[]
        >`select datname from pg_database where starts_with(datname, ${run})`;
        for (const { datname } of left) await sql`drop database if exists ${sql(datname)} with (force)`;
        const logins = await sql<
          { rolname: string }[]
        >`select rolname from pg_roles where starts_with(rolname, ${run})`;
        for (const { rolname } of logins) await sql`drop role if exists ${sql(rolname)}`;
      });
    },
  };
}

const MEMORY = '/dev/shm';
/** A run of all tests takes less than a tenth of it. */
const ENOUGH_BYTES = 4 * 1_024 ** 3;

/**
 * Memory where there is plenty, else the disk. Every test file creates hundreds of files with its database and removes
 * them; ext4 without a journal searches ever longer for inodes that were not removed lately.
 */
async function folderForData(): Promise<string> {
  const memory = await statfs(MEMORY).catch(() => null);
  return memory !== null && memory.bavail * memory.bsize >= ENOUGH_BYTES ? MEMORY : tmpdir();
}

/** The same server and login with another database. */
export function urlOf(adminUrl: string, database: string): string {
  const url = new URL(adminUrl);
  url.pathname = `/${database}`;
  return url.href;
}

export async function withAdmin(adminUrl: string, work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(adminUrl, { max: 1, onnotice: () => undefined });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 5 });
  }
}
