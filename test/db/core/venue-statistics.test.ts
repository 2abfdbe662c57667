import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('no table with row-level security keeps statistics of the venue, which would make plans depend on it', async () => {
  const tables = await database.admin<{ name: string; target: number | null }[]>`
    select c.relname as name, a.attstattarget as target
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'venue_id'
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relrowsecurity order by c.relname`;
  expect(tables.length).toBeGreaterThan(20);
  expect(tables.filter(({ target }) => target !== 0)).toEqual([]);
});
