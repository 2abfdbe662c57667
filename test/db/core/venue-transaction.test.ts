import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { openDatabase, together, withVenue } from '../../../db/core/venue-scope.ts';
import type { Database, Transaction } from '../../../db/core/venue-scope.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';

let test: TestDatabase;
let db: Database;

beforeAll(async () => {
  test = await createTestDatabase();
  db = openDatabase({ url: test.url, maxConnections: 1, applicationName: 'venue scope' });
});
afterAll(async () => {
  await db.$client.end();
  await test.drop();
});

const VENUE = '0198c0de-0000-7000-8000-000000000001' as VenueId;
const OTHER = '0198c0de-0000-7000-8000-000000000002' as VenueId;

it('the first statement of a transaction sees its own venue, although it is sent without waiting for the scope', async () => {
  const shown = sql`select current_setting('app.venue_id') as venue`;
  for (const venue of [VENUE, OTHER, VENUE]) {
    const awaited = await withVenue(db, venue, (tx) => tx.execute(shown));
    const executed = await withVenue(db, venue, (tx) => tx.execute(shown).execute());
    const selected = await withVenue(db, venue, (tx) =>
      tx.select({ venue: sql<string>`current_setting('app.venue_id')` }).from(sql`(values (1)) as one`),
    );
    expect([...awaited, ...executed, ...selected]).toEqual([{ venue }, { venue }, { venue }]);
  }
});

/** Tells how often it has run in the transaction. */
const COUNTED = sql`select set_config('app.times', (coalesce(nullif(current_setting('app.times', true), ''), '0')::int + 1)::text, true) as times`;

it('a statement that is the whole work of a transaction runs once', async () => {
  expect([...(await withVenue(db, VENUE, (tx) => tx.execute(COUNTED)))]).toEqual([{ times: '1' }]);
});

it('statements that are awaited together run once each, in their order', async () => {
  const results = await withVenue(db, VENUE, (tx) => together(tx.execute(COUNTED), tx.execute(COUNTED)));
  expect(results.map((rows) => [...rows])).toEqual([[{ times: '1' }], [{ times: '2' }]]);
});

it('a transaction throws what its work throws, and its connection goes on', async () => {
  await expect(withVenue(db, VENUE, (tx) => tx.execute(sql`select 1 / 0`))).rejects.toMatchObject({
    cause: { code: '22012' },
  });
  await expect(withVenue(db, VENUE, () => Promise.reject(new Error('stopped')))).rejects.toThrow('stopped');
  expect([...(await withVenue(db, OTHER, (tx) => tx.execute(COUNTED)))]).toEqual([{ times: '1' }]);
});

it('statements that are awaited together throw the failure that aborted the transaction, whichever of them had it', async () => {
  const [fails, follows] = [sql`select 1 / 0`, sql`select 1`];
  for (const isNamedFirst of [true, false]) {
    const failing = (tx: Transaction) => tx.execute(fails).execute();
    const following = (tx: Transaction) => tx.execute(follows).execute();
    const both = (tx: Transaction) => {
      const failed = failing(tx);
      const aborted = following(tx);
      return isNamedFirst ? together(failed, aborted) : together(aborted, failed);
    };
    await expect(withVenue(db, VENUE, both)).rejects.toMatchObject({ cause: { code: '22012' } });
  }
});
