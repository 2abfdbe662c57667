import { afterAll, beforeAll, expect, it } from 'vitest';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it.each(RECORD_KINDS.all.map(({ table }) => table))(
  'the table %s keeps no statistics of the venue, which would make plans depend on it',
  async (table) => {
    const [column] = await database.admin<{ target: number | null }[]>`
      select attstattarget as target from pg_attribute
      where attrelid = ${table}::regclass and attname = 'venue_id'`;
    expect(column).toEqual({ target: 0 });
  },
);
