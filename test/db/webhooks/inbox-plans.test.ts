import { afterAll, beforeAll, expect, it } from 'vitest';
import { openDatabase } from '../../../db/core/venue-scope.ts';
import type { Database } from '../../../db/core/venue-scope.ts';
import { createInboxStore } from '../../../db/webhooks/inbox-store.ts';
import type { InboxStore } from '../../../db/webhooks/inbox-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { tellReads } from '../core/query-plan.ts';

const HANDLED = 5_000;
const OF_OPEN_EVENTS = ['webhook_events_due', 'webhook_events_unfinished'];

let database: TestDatabase;
/** Of one connection, so that its numbers are all there. */
let db: Database;
let inbox: InboxStore;

beforeAll(async () => {
  database = await createTestDatabase();
  db = openDatabase({ url: database.url, maxConnections: 1, keepsPlans: true, applicationName: 'plans' });
  inbox = createInboxStore(db);
  await database.admin`
    insert into webhook_events (id, provider, endpoint, event_key, type, environment, external_account_id, partition, state)
    select gen_random_uuid(), 'stripe', 'app', 'evt_' || n, 'customer.updated', 'sandbox', 'acct_' || n % 100, n % 4, 'applied'
    from generate_series(1, ${HANDLED}) n`;
  await database.admin`analyze webhook_events`;
});
afterAll(async () => {
  await db.$client.end();
  await database.drop();
});

it.each<[string, () => Promise<unknown>]>([
  ['events that are due', () => inbox.listDue(1, 10)],
  ['how long due events have waited', () => inbox.readBacklog(1)],
  ['when the next event is due', () => inbox.nextDueInMs(1)],
  ['failing events that nobody processes', () => inbox.listUnprocessed(1_000, 10)],
  ['partitions with events that wait for long', () => inbox.listOverdue(1_000)],
  ['numbers of events that are not over', () => inbox.countUnfinished()],
  ['events that wait for an adapter', () => inbox.releaseWaiting(['stripe'], 10)],
])('the plan that is kept to look for %s reads none of the events that are over', async (_, look) => {
  const before = await scans();
  await look();
  const after = await scans();
  const used = [...after].filter(([name, count]) => count > (before.get(name) ?? 0)).map(([name]) => name);
  expect(used.length).toBeGreaterThan(0);
  expect(OF_OPEN_EVENTS).toEqual(expect.arrayContaining(used));
});

/** How often the table of events and each of its indexes was read, by name. */
async function scans(): Promise<ReadonlyMap<string, number>> {
  await tellReads(db.$client, database.admin);
  const rows = await database.admin<{ name: string; scans: number }[]>`
    select indexrelname as name, idx_scan::integer as scans from pg_stat_user_indexes where relname = 'webhook_events'
    union all select relname, seq_scan::integer from pg_stat_user_tables where relname = 'webhook_events'`;
  return new Map(rows.map(({ name, scans: count }) => [name, count]));
}
