import { sql } from 'drizzle-orm';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { ConnectionId, VenueId } from '../../../contracts/ids.ts';
import { RETENTION_TABLES } from '../../../contracts/retention.ts';
import type { RetentionTable } from '../../../contracts/retention.ts';
import { createRetentionStore } from '../../../db/core/retention-store.ts';
import type { RetentionStore } from '../../../db/core/retention-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aVenue } from '../builders.ts';
import { anAgedRun, countOf, idOf, removeAll, someLogLines, somePlanItems } from './aged-rows.ts';

interface Venue {
  readonly venueId: VenueId;
  readonly connectionId: ConnectionId;
}
type Age = 'expired' | 'kept';

let database: TestDatabase;
let store: RetentionStore;
let venues: readonly Venue[];

beforeAll(async () => {
  database = await createTestDatabase();
  store = createRetentionStore(database.db);
});
afterAll(() => database.drop());
beforeEach(async () => {
  await database.admin`truncate venues, audit_log, idempotency_keys, admin_jobs, webhook_events, provider_leases cascade`;
  venues = [await aVenueWithConnection(), await aVenueWithConnection()];
});

async function aVenueWithConnection(): Promise<Venue> {
  const venueId = await aVenue(database.db);
  return { venueId, connectionId: (await aConnection(database.db, venueId)).id };
}

const forEachVenue = (work: (venue: Venue) => Promise<unknown>) => Promise.all(venues.map(work));
const daysOf = (age: Age) => (age === 'expired' ? 40 : 30);

const aWebhookEvent = (days: number, state = 'applied') => database.admin`
  insert into webhook_events (id, provider, endpoint, event_key, type, partition, body, headers, received_at, state)
  values (${idOf(days)}, 'stripe', 'app', ${idOf(0)}, 'a.type', 0, 'body', '{"user-agent":"x"}', now() - ${days}::int * interval '1 day', ${state})`;

/** Adds a row of the given age to each table, for the venue where rows belong to one. */
const ADD: Readonly<Record<RetentionTable, (venue: Venue, age: Age) => Promise<unknown>>> = {
  audit_log: ({ venueId }, age) => database.admin`
    insert into audit_log (id, venue_id, at, actor, action, target_type, target_id, outcome)
    values (${idOf(daysOf(age))}, ${venueId}, now() - ${daysOf(age)}::int * interval '1 day', 'fresh', 'credentials.opened', 'connection', 'x', 'ok')`,
  sync_logs: async (venue, age) => {
    const syncId = await anAgedRun(database.admin, { ...venue, endedDaysAgo: daysOf(age) });
    await someLogLines(database.admin, { ...venue, syncId, daysAgo: daysOf(age) });
  },
  sync_plan_items: async (venue, age) => {
    const syncId = await anAgedRun(database.admin, { ...venue, endedDaysAgo: daysOf(age), dryRun: true });
    await somePlanItems(database.admin, { ...venue, syncId });
  },
  sync_runs: (venue, age) => anAgedRun(database.admin, { ...venue, endedDaysAgo: daysOf(age) }),
  merge_conflicts: ({ venueId, connectionId }, age) => database.admin`
    insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, kind, fields, state, resolved_at)
    values (${idOf(100)}, ${venueId}, ${connectionId}, 'customers', ${idOf(0)}, 'c-1', 'fields', '[]', 'resolved',
      now() - ${daysOf(age)}::int * interval '1 day')`,
  dead_letters: ({ venueId, connectionId }, age) => database.admin`
    insert into dead_letters (id, venue_id, connection_id, source, source_key, code, message, history, state, closed_at)
    values (${idOf(100)}, ${venueId}, ${connectionId}, 'record', ${idOf(0)}, 'rejected', 'x', '[]', 'resolved',
      now() - ${daysOf(age)}::int * interval '1 day')`,
  admin_jobs: (_venue, age) => database.admin`
    insert into admin_jobs (id, kind, phase, outcome, target_key, requested_by, finished_at)
    values (${idOf(daysOf(age))}, 'rotate-vault-keys', 'finished', 'completed', 'k', 'root', now() - ${daysOf(age)}::int * interval '1 day')`,
  reconciliations: async ({ venueId, connectionId }, age) => {
    const id = idOf(daysOf(age));
    await database.admin`
      insert into reconciliations (id, venue_id, connection_id, provider, from_day, to_day, time_zone, phase, outcome, workflow_id, requested_by, finished_at)
      values (${id}, ${venueId}, ${connectionId}, 'stripe', '2026-01-01', '2026-01-01', 'UTC', 'finished', 'completed', 'reconcile/x', 'alice',
        now() - ${daysOf(age)}::int * interval '1 day')`;
    await database.admin`
      insert into discrepancies (id, reconciliation_id, venue_id, kind, differs, day, external_id)
      select gen_random_uuid(), ${id}, ${venueId}, 'missing-here', '[]', '2026-01-01', n::text from generate_series(1, 5) n`;
  },
  webhook_event_bodies: (_venue, age) => aWebhookEvent(daysOf(age)),
  webhook_events: (_venue, age) => aWebhookEvent(daysOf(age)),
  outgoing_messages: async ({ venueId }, age) => {
    const [id, subscriptionId] = [idOf(daysOf(age)), idOf(0)];
    await database.admin`insert into subscriptions (id, venue_id, url) values (${subscriptionId}, ${venueId}, 'https://a.example')`;
    await database.admin`
      insert into outgoing_messages (id, venue_id, type, data, occurred_at)
      values (${id}, ${venueId}, 'sync.finished', '{}', now() - ${daysOf(age)}::int * interval '1 day')`;
    await database.admin`
      insert into deliveries (subscription_id, message_id, venue_id, state, attempts)
      values (${subscriptionId}, ${id}, ${venueId}, 'delivered', 1)`;
  },
  idempotency_keys: (_venue, age) => database.admin`
    insert into idempotency_keys (caller, operation, key, request_hash, expires_at)
    values ('alice', 'POST /x', ${idOf(0)}, 'h', now() + ${age === 'expired' ? -1 : 100}::int * interval '1 second')`,
  connections: ({ venueId }, age) => database.admin`
    insert into connections (id, venue_id, provider, environment, state, flow, state_since)
    values (${idOf(0)}, ${venueId}, 'square', 'sandbox', 'disconnected', 'code', now() - ${age === 'expired' ? 61 : 30}::int * interval '1 minute')`,
  authorization_exchanges: ({ venueId, connectionId }, age) => database.admin`
    insert into authorization_exchanges (attempt_id, venue_id, connection_id, created_at)
    values (${idOf(0)}, ${venueId}, ${connectionId}, now() - ${age === 'expired' ? 61 : 30}::int * interval '1 minute')`,
  report_answers: ({ venueId, connectionId }, age) => database.admin`
    insert into report_answers (id, venue_id, connection_id, report, content, expires_at)
    values (${idOf(0)}, ${venueId}, ${connectionId}, 'profit-and-loss', '{}', now() + ${age === 'expired' ? -1 : 100}::int * interval '1 second')`,
  provider_leases: (_venue, age) => database.admin`
    insert into provider_leases (id, key, holder, slots, expires_at)
    values (${idOf(0)}, 'stripe/sandbox/x', ${idOf(0)}, 1, now() - ${age === 'expired' ? 25 : 1}::int * interval '1 hour')`,
};

/** Tables whose rows have their own expiry. */
const WITHOUT_DAYS: readonly RetentionTable[] = [
  'idempotency_keys',
  'connections',
  'authorization_exchanges',
  'provider_leases',
  'report_answers',
];

describe('the removal of expired rows', () => {
  it.each(RETENTION_TABLES)('removes those of every venue from %s, page by page, and no others', async (table) => {
    const before = await countOf(database.admin, table);
    for (const age of ['expired', 'expired', 'expired', 'kept', 'kept'] as const)
      await forEachVenue((venue) => ADD[table](venue, age));
    expect(await countOf(database.admin, table)).toBe(before + 10);
    const rule = { table, keptDays: WITHOUT_DAYS.includes(table) ? null : 35 };
    expect((await store.removePage(rule, { after: null, limit: 2 })).removed).toBeLessThanOrEqual(2);
    await removeAll(store, rule);
    expect(await countOf(database.admin, table)).toBe(before + 4);
    expect(await removeAll(store, rule)).toBe(0);
  });

  it.each([
    ['audit_log', 30],
    ['sync_logs', 1],
    ['sync_plan_items', 2],
    ['sync_runs', 8],
    ['admin_jobs', 8],
    ['reconciliations', 8],
    ['merge_conflicts', 8],
    ['dead_letters', 8],
    ['webhook_event_bodies', 1],
    ['webhook_events', 7],
  ] as const)('refuses to keep %s for less than %i days, and then removes nothing', async (table, floor) => {
    await forEachVenue((venue) => ADD[table](venue, 'expired'));
    const before = await countOf(database.admin, table);
    for (const keptDays of [floor - 1, 0, -1, null])
      await expect(store.removePage({ table, keptDays }, { after: null, limit: 100 })).rejects.toMatchObject({
        cause: { code: '23514' },
      });
    expect(await countOf(database.admin, table)).toBe(before);
    const page = await store.removePage({ table, keptDays: floor }, { after: null, limit: 100 });
    expect(page.more).toBe(false);
  });

  it('keeps an open conflict, however old', async () => {
    await forEachVenue((venue) => ADD.merge_conflicts(venue, 'expired'));
    await database.admin`update merge_conflicts set state = 'open', resolved_at = null`;
    expect(await removeAll(store, { table: 'merge_conflicts', keptDays: 8 })).toBe(0);
  });

  it('keeps webhook events, and their bodies, that have yet to be applied', async () => {
    for (const state of ['waiting', 'retrying', 'waiting-for-adapter', 'applied', 'ignored', 'dead'])
      await aWebhookEvent(500, state);
    expect(await removeAll(store, { table: 'webhook_event_bodies', keptDays: 30 })).toBe(3);
    expect(await database.admin`select state from webhook_events where body is not null order by state`).toEqual([
      { state: 'retrying' },
      { state: 'waiting' },
      { state: 'waiting-for-adapter' },
    ]);
    expect(await database.admin`select from webhook_events where body is null and headers <> '{}'`).toEqual([]);
    await removeAll(store, { table: 'webhook_events', keptDays: 400 });
    expect(await database.admin`select state from webhook_events order by state`).toEqual([
      { state: 'retrying' },
      { state: 'waiting' },
    ]);
  });

  it('is the only way to delete audit rows', async () => {
    await forEachVenue((venue) => ADD.audit_log(venue, 'expired'));
    await expect(
      database.db.transaction(async (tx) => {
        await tx.execute(sql`select set_config('app.venue_id', ${venues[0]?.venueId ?? ''}, true)`);
        await tx.execute(sql`delete from audit_log`);
      }),
    ).rejects.toMatchObject({ cause: { code: '42501' } });
    expect(await countOf(database.admin, 'audit_log')).toBe(2);
  });

  it('keeps an audit row whose time or id is recent', async () => {
    const insert = (id: string, days: number) => database.admin`
      insert into audit_log (id, venue_id, at, actor, action, target_type, target_id, outcome)
      values (${id}, ${venues[0]?.venueId ?? ''}, now() - ${days}::int * interval '1 day', 'a', 'b', 'c', 'd', 'ok')`;
    await insert(idOf(0), 400);
    await insert(idOf(400), 0);
    expect(await removeAll(store, { table: 'audit_log', keptDays: 30 })).toBe(0);
  });

  it('keeps connections that have an account, and those that may still be approved', async () => {
    const insert = (state: string, account: string | null, hours: number) =>
      forEachVenue(
        ({ venueId }) => database.admin`
          insert into connections (id, venue_id, provider, environment, state, external_account_id, flow, cause, state_since)
          values (${idOf(0)}, ${venueId}, 'square', 'sandbox', ${state}, ${account}, 'code', ${`${state} ${hours}`}, now() - ${hours}::int * interval '1 hour')`,
      );
    await insert('disconnected', 'M1', 1_000);
    await insert('connecting', null, 23);
    await insert('connecting', null, 25);
    expect(await removeAll(store, { table: 'connections', keptDays: null })).toBe(2);
    const left = await database.admin`select distinct cause from connections where flow = 'code' order by cause`;
    expect(left.map((row) => row['cause'] as string)).toEqual(['connecting 23', 'disconnected 1000']);
  });

  it('runs in functions with a fixed search path that only the application may call', async () => {
    const functions = await database.admin<{ name: string; path: string | null; callers: string[] }[]>`
      select p.proname as name, (select setting from unnest(p.proconfig) setting where setting like 'search_path=%') as path,
        array(select coalesce(r.rolname, 'public') from aclexplode(p.proacl) a left join pg_roles r on r.oid = a.grantee
          where a.privilege_type = 'EXECUTE' and a.grantee <> p.proowner) as callers
      from pg_proc p where p.pronamespace = 'public'::regnamespace and p.prosecdef`;
    expect(functions.map(({ name }) => name)).toEqual(
      expect.arrayContaining(RETENTION_TABLES.map((table) => `remove_expired_${table}`)),
    );
    for (const { name, path, callers } of functions)
      expect({ name, path, callers }).toEqual({
        name,
        path: expect.stringMatching(/^search_path=pg_catalog, (public|pg_temp)$/) as string,
        callers: ['interlock_app'],
      });
  });
});
