import { afterAll, beforeAll, expect, it } from 'vitest';
import { v7 as uuidv7 } from 'uuid';
import { deleteUnapprovedConnections } from '../../../db/connections/unapproved-connections.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aVenue } from '../builders.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it('removes connections of every venue that nobody has approved, and no other', async () => {
  const venues = [await aVenue(database.db), await aVenue(database.db)];
  const insert = async (
    name: string,
    {
      state,
      account = null,
      hours,
    }: { readonly state: string; readonly account?: string | null; readonly hours: number },
  ) => {
    for (const venueId of venues) {
      await database.admin`
        insert into connections (id, venue_id, provider, environment, state, external_account_id, flow, cause, state_since)
        values (${uuidv7()}, ${venueId}, 'square', 'sandbox', ${state}, ${account}, 'code', ${name}, now() - ${hours}::int * interval '1 hour')`;
    }
  };
  await insert('refused long ago', { state: 'disconnected', hours: 2 });
  await insert('without its workflow', { state: 'connecting', hours: 25 });
  await insert('refused just now', { state: 'disconnected', hours: 0 });
  await insert('open', { state: 'connecting', hours: 1 });
  await insert('disconnected by its venue', { state: 'disconnected', account: 'M1', hours: 1_000 });
  expect(await deleteUnapprovedConnections(database.db)).toBe(4);
  const left = await database.admin`select distinct cause from connections order by cause`;
  expect(left.map((row) => row['cause'] as string)).toEqual(['disconnected by its venue', 'open', 'refused just now']);
  expect(await deleteUnapprovedConnections(database.db)).toBe(0);
});
