import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import type { ErasureCursor } from '../../../contracts/venues.ts';
import { erasurePlanOf, KEPT_TABLES } from '../../../db/closing/erasure-plan.ts';
import { createVenueClosingStore } from '../../../db/closing/venue-closing-store.ts';
import type { VenueClosingStore } from '../../../db/closing/venue-closing-store.ts';
import type { Connection } from '../../../db/connections/connection-store.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';
import { fillVenue, rowsOf } from './full-venue.ts';

let database: TestDatabase;
let closings: VenueClosingStore;
let venueId: VenueId;
let connection: Connection;

beforeAll(async () => {
  database = await createTestDatabase();
  closings = createVenueClosingStore(database.db, createAuditStore(database.db), RECORD_KINDS);
});
beforeEach(async () => {
  venueId = await aVenue(database.db);
  connection = await aConnection(database.db, venueId);
});
afterAll(() => database.drop());

const disconnected = (id: string) => database.admin`update connections set state = 'disconnected' where id = ${id}`;

/** Erases page by page; returns the pages, each with the rows that it has erased. */
async function eraseAll(limit: number) {
  const pages: { readonly cursor: ErasureCursor | null; readonly erased: number }[] = [];
  let cursor: ErasureCursor | null = null;
  do {
    const page = await closings.eraseSome(venueId, cursor, limit);
    pages.push(page);
    ({ cursor } = page);
  } while (cursor !== null);
  return pages;
}
const finish = () => closings.finish({ venueId, requestedBy: 'an-admin', disconnected: 1, shredded: 0, erased: 1 });
const exists = async (table: string, id: string) =>
  (await database.admin`select 1 from ${database.admin(table)} where id = ${id}`).length > 0;
const eventsOf = async ({ account }: Connection) =>
  (await database.admin`select 1 from webhook_events where external_account_id = ${account?.id ?? ''}`).length;

describe('the erasure of a venue', () => {
  it('covers every table of the database that has rows of venues, but for those that are kept', async () => {
    expect(KEPT_TABLES).toEqual(['audit_log']);
    const planned = erasurePlanOf(RECORD_KINDS).map(({ table }) => table);
    expect([...planned, ...KEPT_TABLES].sort()).toEqual(Object.keys(await rowsOf(database.admin, venueId)));
  });

  it('leaves no row of the venue in any table, and every row of another', async () => {
    const other = await aVenue(database.db);
    const theirs = await aConnection(database.db, other);
    await fillVenue(database.admin, venueId, connection.id);
    await fillVenue(database.admin, other, theirs.id);
    const [before, untouched] = [await rowsOf(database.admin, venueId), await rowsOf(database.admin, other)];
    // A row in each, or the test would prove nothing of the table.
    expect(Object.entries({ ...before, audit_log: 1 }).filter(([, count]) => count === 0)).toEqual([]);
    await disconnected(connection.id);
    await eraseAll(1_000);
    expect(Object.entries(await rowsOf(database.admin, venueId)).filter(([, count]) => count > 0)).toEqual([]);
    expect(await finish()).toBe(true);
    expect(await exists('venues', venueId)).toBe(false);
    expect(await rowsOf(database.admin, other)).toEqual(untouched);
    expect(await eventsOf(connection)).toBe(0);
    expect(await eventsOf(theirs)).toBe(1);
  });

  it('works in pages of at most the limit, also for records that name one another, and misses none', async () => {
    await fillVenue(database.admin, venueId, connection.id);
    // Each names the one before, so that every page is named by the next.
    await database.admin`
      insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status)
      select gen_random_uuid(), ${venueId}, 't' || n, 'payment', now(), 1, 'EUR', 'succeeded' from generate_series(1, 230) n`;
    await database.admin`
      update transactions t set related_transaction_id = (select id from transactions f where f.venue_id = t.venue_id and f.source_id = 't' || (substr(t.source_id, 2)::int - 1))
      where venue_id = ${venueId} and source_id ~ '^t[0-9]+$'`;
    await database.admin`
      insert into record_links (connection_id, resource, record_id, venue_id, state)
      select ${connection.id}, 'transactions', id, venue_id, 'linked' from transactions where venue_id = ${venueId}`;
    await disconnected(connection.id);
    const pages = await eraseAll(50);
    expect(Math.max(...pages.map(({ erased }) => erased))).toBe(50);
    expect(pages.filter(({ cursor }) => cursor?.table === 'record_links').length).toBeGreaterThan(4);
    expect(pages.filter(({ cursor }) => cursor?.table === 'transactions').length).toBeGreaterThan(4);
    expect(Object.entries(await rowsOf(database.admin, venueId)).filter(([, count]) => count > 0)).toEqual([]);
  });

  it('leaves a connection that is not disconnected with its credentials, and does not finish', async () => {
    await eraseAll(1_000);
    expect(await rowsOf(database.admin, venueId)).toMatchObject({ connections: 1, venue_api_keys: 1 });
    expect(await finish()).toBe(false);
    expect(await exists('venues', venueId)).toBe(true);
    await disconnected(connection.id);
    await eraseAll(1_000);
    expect(await finish()).toBe(true);
  });

  it('finishes once: the audit log says so, without anything of the venue', async () => {
    await disconnected(connection.id);
    await eraseAll(1_000);
    expect([await finish(), await finish()]).toEqual([true, true]);
    expect(
      await database.admin`select actor, action, target_id, details from audit_log where venue_id = ${venueId} and action = 'venue.closed'`,
    ).toEqual([
      {
        actor: 'an-admin',
        action: 'venue.closed',
        target_id: venueId,
        details: { disconnected: 1, shredded: 0, erased: 1 },
      },
    ]);
  });

  it('begins anew at a table that this version does not know', async () => {
    await disconnected(connection.id);
    const { cursor } = await closings.eraseSome(venueId, { table: 'a_table_of_tomorrow', after: uuidv7() }, 10);
    expect(cursor).toMatchObject({ after: null });
    expect(cursor).toEqual((await closings.eraseSome(venueId, null, 10)).cursor);
  });
});

describe('events of an account that another venue has connected too', () => {
  it('stay, and those of the connection’s own address go', async () => {
    const other = await aVenue(database.db);
    const account = connection.account?.id ?? '';
    await fillVenue(database.admin, venueId, connection.id);
    const own = uuidv7();
    await database.admin`
      insert into webhook_events (id, provider, endpoint, event_key, type, partition)
      values (${own}, 'stripe', ${connection.id}, ${own}, 'a.type', 0)`;
    await database.admin`
      insert into connections (id, venue_id, provider, environment, state, external_account_id)
      values (${uuidv7()}, ${other}, 'stripe', 'sandbox', 'active', ${account})`;
    await disconnected(connection.id);
    await eraseAll(1_000);
    expect(await eventsOf(connection)).toBe(1);
    expect(await exists('webhook_events', own)).toBe(false);
  });
});
