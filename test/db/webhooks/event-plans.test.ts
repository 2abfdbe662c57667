import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { createEventWorld } from '../../support/worlds/event-world.ts';
import type { EventWorld } from '../../support/worlds/event-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const STORED = 5_000;
const EVENTS = 20;
/** Rows of tables that one event may read. Reading one table once more than it needs to takes thousands. */
const ROWS_AN_EVENT = 50;
/** More than the connections for events times the executions after which a statement is prepared. */
const WARM_UP = 40;

let world: Awaited<ReturnType<typeof createSyncWorld>>;
let inbox: EventWorld;
let venue: TestVenue;
let account: string;

beforeAll(async () => {
  world = await createSyncWorld();
  inbox = await createEventWorld(world);
});
afterAll(async () => {
  await inbox.close();
  await world.close();
});
beforeEach(async () => {
  await world.stripe.reset();
  venue = await world.aVenue();
  await inbox.countAsPulled(venue, 'customers', 'invoices', 'transactions');
  account = await inbox.accountOf(venue);
});

let created = 1_795_000_000;
const event = (what: 'created' | 'updated' | 'deleted', id: string) => ({
  ...{ id: `evt_${(created += 1)}`, object: 'event', type: `customer.${what}`, created, livemode: false, account },
  api_version: '2026-10-28.endive',
  data: { object: { id, object: 'customer', created: 1_790_000_000, name: `Name ${created}`, metadata: {} } },
});
const handle = async (...events: readonly object[]) => {
  for (const each of events) await inbox.post('stripe', each);
  expect(await inbox.drain()).toBe(events.length);
};

/** Rows that were read in tables and through their indexes since the database was made. */
async function rowsRead(): Promise<Readonly<Record<string, number>>> {
  // Sessions tell their numbers a second later at the latest.
  await sleep(1_500);
  await inbox.drain();
  const rows = await world.database.admin<{ name: string; rows: number }[]>`
    select relname as name, (coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0))::float8 as rows from pg_stat_user_tables`;
  return Object.fromEntries(rows.map(({ name, rows: count }) => [name, count]));
}

it('events that create records read few rows by plans that were made while the tables were empty', async () => {
  const { admin } = world.database;
  for (const table of ['customers', 'record_links', 'record_references', 'deleted_objects', 'dead_letters'])
    await admin`alter table ${admin(table)} set (autovacuum_enabled = false)`;
  for (let nth = 0; nth < WARM_UP; nth += 1)
    await handle(
      event('created', `cus_warm${nth}`),
      event('updated', `cus_warm${nth}`),
      event('deleted', `cus_warm${nth}`),
    );

  const { venueId, connectionId } = venue;
  await admin.begin(async (tx) => {
    await tx`
      insert into customers (id, venue_id, source_id, name, metadata)
      select gen_random_uuid(), ${venueId}, 'cus_' || n, 'Stored', '{}' from generate_series(1, ${STORED}) n`;
    await tx`
      insert into record_links (connection_id, resource, record_id, venue_id, external_id, external_version, record_version, state)
      select ${connectionId}, 'customers', id, venue_id, source_id, 1, version, 'linked' from customers where name = 'Stored'`;
    await tx`
      insert into record_references (connection_id, resource, record_id, name, venue_id, to_resource, external_id)
      select connection_id, 'invoices', gen_random_uuid(), 'customer', venue_id, 'customers', external_id from record_links`;
    await tx`
      insert into deleted_objects (connection_id, resource, external_id, venue_id, external_version)
      select ${connectionId}, 'customers', 'cus_gone' || n, ${venueId}, 1 from generate_series(1, ${STORED}) n`;
    await tx`
      insert into dead_letters (id, venue_id, source, source_key, provider, connection_id, resource, direction, external_id, code, message, history)
      select gen_random_uuid(), ${venueId}, 'record', 'key' || n, 'stripe', ${connectionId}, 'customers', 'pull', 'cus_dead' || n, 'unreadable', '', '[]'
      from generate_series(1, ${STORED}) n`;
    // What this has read is told at once.
    await tx`select pg_stat_force_next_flush()`;
  });
  const before = await rowsRead();
  await handle(...Array.from({ length: EVENTS }, (_, nth) => event('created', `cus_new${nth}`)));
  const after = await rowsRead();
  const read = Object.entries(after).map(([name, rows]) => ({ name, rows: rows - (before[name] ?? 0) }));
  expect(read.filter(({ rows }) => rows > EVENTS * ROWS_AN_EVENT)).toEqual([]);
});
