import { createRequire } from 'node:module';
import { getTableConfig } from 'drizzle-orm/pg-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tablesOf } from '../../../db/schema/tables.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createEmptyDatabase, createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { readCatalogue, readGrants } from './catalogue.ts';

/** The used part of drizzle-kit, because its own types refer to packages that are not installed. */
interface DrizzleKit {
  readonly generateDrizzleJson: (tables: object, previousId?: string) => { readonly id: string };
  readonly generateMigration: (from: object, to: object) => Promise<string[]>;
}

const { generateDrizzleJson, generateMigration } = createRequire(import.meta.url)('drizzle-kit/api') as DrizzleKit;

const schema = tablesOf(RECORD_KINDS);

describe('the schema', () => {
  let migrated: TestDatabase;
  let generated: TestDatabase;
  beforeAll(async () => {
    [migrated, generated] = await Promise.all([createTestDatabase(), createEmptyDatabase()]);
  });
  afterAll(() => Promise.all([migrated.drop(), generated.drop()]));

  it('is the same in code and after the migrations, including indexes, constraints and policies', async () => {
    const nothing = generateDrizzleJson({});
    const statements = await generateMigration(nothing, generateDrizzleJson(schema, nothing.id));
    await generated.admin.unsafe(statements.join('\n'));

    const [fromMigrations, fromCode] = await Promise.all([
      readCatalogue(migrated.admin),
      readCatalogue(generated.admin),
    ]);
    expect(fromCode.length).toBeGreaterThan(200);
    expect(fromMigrations).toEqual(fromCode);
  });

  it('has row-level security with a policy that checks writes on venues and every table with a venue_id', async () => {
    const open = await migrated.admin`
      select c.relname from pg_class c
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace
        and (c.relname = 'venues' or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'venue_id'))
        and not (c.relrowsecurity and exists (select from pg_policies p where p.tablename = c.relname and p.qual is not null and p.with_check is not null))`;
    const guarded = await migrated.admin`select tablename from pg_policies where schemaname = 'public'`;
    expect(open).toEqual([]);
    expect(guarded.length).toBeGreaterThanOrEqual(14);
  });

  it('lets the application access every table, and only append to the audit log', async () => {
    const grants = await readGrants(migrated.admin);
    for (const table of Object.values(schema)) {
      const { name } = getTableConfig(table);
      const rights = grants.filter((line) => line.startsWith(`${name} `)).map((line) => line.slice(name.length + 1));
      expect({ name, rights }).toEqual({
        name,
        rights: name === 'audit_log' ? ['INSERT', 'SELECT'] : ['DELETE', 'INSERT', 'SELECT', 'UPDATE'],
      });
    }
  });
});
