import { afterAll, beforeAll, expect, it } from 'vitest';
import type { RecordId } from '../../../contracts/ids.ts';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createPushStore } from '../../../db/push/push-store.ts';
import type { RunScope } from '../../../db/runs/run-scope.ts';
import { createSyncProgressStore } from '../../../db/runs/sync-progress-store.ts';
import { RECORD_KINDS } from '../../../records/registry.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { tellReads } from '../core/query-plan.ts';

const OTHER_VENUES = 2_000;
const OF_EACH = 5;
/** The venue's records, which Postgres has no statistics of. */
const OWN = 5_000;

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let db: Database;
let scope: RunScope;
beforeAll(async () => {
  world = await createSyncWorld();
  const { admin, url } = world.database;
  const venue = await world.aVenue();
  const input = await world.open(venue, 'push', 'full');
  scope = { ...input, ...(await world.progress.takeOver(input, null)) };
  await fillOtherVenues();
  await admin`analyze venues, customers, record_links`;
  await admin`insert into customers (id, venue_id, source_id)
    select gen_random_uuid(), ${scope.venueId}, 'c-' || n from generate_series(1, ${OWN}) n`;
  await admin`insert into record_links (connection_id, resource, record_id, venue_id, external_id, state)
    select ${scope.connectionId}, 'customers', id, venue_id, 'cus_' || source_id, 'linked' from customers where venue_id = ${scope.venueId}`;
  db = openDatabase({ url, maxConnections: 1, applicationName: 'interlock-test-reads' });
});
afterAll(async () => {
  await db.$client.end();
  await world.close();
});

async function fillOtherVenues(): Promise<void> {
  await world.database.admin.begin(async (tx) => {
    // Links of connections that are not there.
    await tx`set local session_replication_role = replica`;
    await tx`insert into venues (id, name, time_zone, currency)
      select gen_random_uuid(), 'Another', 'Europe/London', 'GBP' from generate_series(1, ${OTHER_VENUES})`;
    await tx`insert into customers (id, venue_id, source_id)
      select gen_random_uuid(), id, 'c-' || n from venues cross join generate_series(1, ${OF_EACH}) n where id <> ${scope.venueId}`;
    await tx`insert into record_links (connection_id, resource, record_id, venue_id, external_id, state)
      select venue_id, 'customers', id, venue_id, 'cus_' || source_id, 'linked' from customers`;
  });
}

/** How many rows of the tables `work` has Postgres read, by its own count. */
async function rowsReadBy(
  work: () => Promise<unknown>,
): Promise<{ readonly customers: number; readonly links: number }> {
  const counted = async () => {
    await tellReads(db.$client, world.database.admin);
    const rows = await world.database.admin<{ relname: string; read: number }[]>`
      select relname, (seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read from pg_stat_user_tables
      where relname in ('customers', 'record_links')`;
    return Object.fromEntries(rows.map(({ relname, read }) => [relname, read]));
  };
  const before = await counted();
  await work();
  const after = await counted();
  const read = (table: string) => (after[table] ?? 0) - (before[table] ?? 0);
  return { customers: read('customers'), links: read('record_links') };
}

it('the position of a run is found without the links of other venues', async () => {
  const progress = createSyncProgressStore(db, RECORD_KINDS);
  const { links } = await rowsReadBy(async () => {
    expect(await progress.position(scope)).toMatchObject({ hasLinks: true });
  });
  expect(links).toBeLessThanOrEqual(1);
  const { links: ofNothing } = await rowsReadBy(async () => {
    expect(await progress.position({ ...scope, resource: 'products' })).toMatchObject({ hasLinks: false });
  });
  expect(ofNothing).toBe(0);
});

it('what a full push has to do is counted with the links of deleted records alone', async () => {
  const progress = createSyncProgressStore(db, RECORD_KINDS);
  await world.database.admin.begin(async (tx) => {
    const deleted = await tx<{ id: RecordId }[]>`
      update customers set deleted_at = now() where id in (select id from customers where venue_id = ${scope.venueId} limit 3) returning id`;
    await tx`update record_links set state = 'gone' where record_id = ${deleted[0]?.id ?? ''}`;
  });
  const { links } = await rowsReadBy(async () => {
    expect(await progress.countToPush(scope)).toBe(OWN - 1);
  });
  expect(links).toBeLessThanOrEqual(6);
  expect(await progress.countToPush({ ...scope, mode: 'incremental' })).toBe(OWN - 1);
  await world.database.admin`update record_links set record_version = 1 where connection_id = ${scope.connectionId}`;
  await world.database.admin`update customers set deleted_at = null where venue_id = ${scope.venueId}`;
  expect(await progress.countToPush({ ...scope, mode: 'incremental' })).toBe(1);
});

it('the deletions that a push would archive are counted among the links of the connection alone', async () => {
  const { links } = await rowsReadBy(() => createPushStore(db, RECORD_KINDS).blastRadius(scope));
  // The planner itself looks at the ends of an index.
  expect(links).toBeLessThanOrEqual(OWN + 10);
});

it('records are read by their ids for a push, one by one', async () => {
  const rows = await world.database.admin<{ id: RecordId }[]>`
    select id from customers where venue_id = ${scope.venueId} limit 3`;
  const ids = rows.map(({ id }) => id);
  const read = await rowsReadBy(async () => {
    expect(await createPushStore(db, RECORD_KINDS).readRows(scope, ids)).toHaveLength(3);
  });
  expect(read.customers).toBeLessThanOrEqual(6);
  expect(read.links).toBeLessThanOrEqual(6);
});
