import { sql } from 'drizzle-orm';
import type { SQL } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { VenueId } from '../../../contracts/ids.ts';
import { withVenue } from '../../../db/core/venue-scope.ts';
import { createSyncRunStore } from '../../../db/runs/sync-run-store.ts';
import { createTestDatabase } from '../../support/services/database.ts';
import type { TestDatabase } from '../../support/services/database.ts';
import { aConnection, aNewRun, aVenue } from '../builders.ts';

interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  readonly name: string;
  readonly columns: readonly string[];
  readonly parentColumns: readonly string[];
}

let database: TestDatabase;
let keys: readonly ForeignKey[];
/** Another venue's connection, run and dry run. */
let theirs: Awaited<ReturnType<typeof aVenueWithRuns>>;
let ours: VenueId;
let ownConnection: string;
let own: Awaited<ReturnType<typeof aSubscription>>;

const eventId = uuidv7();
beforeAll(async () => {
  database = await createTestDatabase();
  const names = (relation: string, numbers: string) =>
    database.admin.unsafe(`array(
    select a.attname::text from unnest(c.${numbers}) with ordinality n(number, place)
    join pg_attribute a on a.attrelid = c.${relation} and a.attnum = n.number order by n.place)`);
  keys = await database.admin<ForeignKey[]>`
    select c.conrelid::regclass::text as child, c.confrelid::regclass::text as parent, c.conname as name,
      ${names('conrelid', 'conkey')} as columns, ${names('confrelid', 'confkey')} as "parentColumns"
    from pg_constraint c
    where c.contype = 'f' and c.connamespace = 'public'::regnamespace
      and exists (select from pg_attribute a where a.attrelid = c.conrelid and a.attname = 'venue_id')
      and exists (select from pg_attribute a where a.attrelid = c.confrelid and a.attname = 'venue_id')
    order by 1, 3`;
  theirs = await aVenueWithRuns();
  ours = await aVenue(database.db);
  ownConnection = (await aConnection(database.db, ours)).id;
  own = await aSubscription(ours);
  await database.admin`
    insert into webhook_events (id, provider, endpoint, event_key, type, partition)
    values (${eventId}, 'stripe', 'app', 'evt_1', 'a.type', 0)`;
});
afterAll(() => database.drop());

async function aVenueWithRuns() {
  const venueId = await aVenue(database.db);
  const connection = await aConnection(database.db, venueId);
  const runs = createSyncRunStore(database.db);
  const { run } = await runs.openOrJoin(aNewRun(connection));
  const { run: dryRun } = await runs.openOrJoin(aNewRun(connection, { dryRun: true }));
  const transactionId = uuidv7();
  await database.admin`
    insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status)
    values (${transactionId}, ${venueId}, 'p', 'payment', now(), 1, 'EUR', 'succeeded')`;
  const reconciliationId = uuidv7();
  await database.admin`
    insert into reconciliations (id, venue_id, connection_id, provider, from_day, to_day, time_zone, workflow_id, requested_by, finished_at)
    values (${reconciliationId}, ${venueId}, ${connection.id}, 'stripe', '2026-01-01', '2026-01-01', 'UTC', 'w', 'x', now())`;
  return {
    ...{ venueId, connectionId: connection.id, syncId: run.id, planId: dryRun.id, transactionId, reconciliationId },
    ...(await aSubscription(venueId)),
  };
}

async function aSubscription(venueId: VenueId) {
  const [subscriptionId, messageId] = [uuidv7(), uuidv7()];
  await database.admin`
    insert into subscriptions (id, venue_id, url) values (${subscriptionId}, ${venueId}, 'https://backend.example/')`;
  await database.admin`
    insert into outgoing_messages (id, venue_id, type, data) values (${messageId}, ${venueId}, 'sync.finished', '{}')`;
  return { subscriptionId, messageId };
}

describe('a reference between two venue tables', () => {
  it('compares the venue in every table', () => {
    expect(keys.length).toBeGreaterThanOrEqual(12);
    for (const { name, child, columns, parentColumns } of keys)
      expect({ child, name, pair: [columns[0], parentColumns[0]] }).toEqual({
        ...{ child, name },
        pair: ['venue_id', 'venue_id'],
      });
  });

  /** Rows of our venue that refer to the other venue's rows, by the foreign key that has to reject them. */
  const ROWS: Readonly<Record<string, () => SQL>> = {
    agreed_records_connection_fk: () =>
      sql`insert into agreed_records (connection_id, resource, record_id, venue_id) values (${theirs.connectionId}, 'customers', ${uuidv7()}, ${ours})`,
    authorization_exchanges_connection_fk: () =>
      sql`insert into authorization_exchanges (attempt_id, venue_id, connection_id) values (${uuidv7()}, ${ours}, ${theirs.connectionId})`,
    connection_reach_connection_fk: () =>
      sql`insert into connection_reach (connection_id, resource, venue_id) values (${theirs.connectionId}, 'customers', ${ours})`,
    unknown_fields_connection_fk: () =>
      sql`insert into unknown_fields (connection_id, resource, path, venue_id, kind) values (${theirs.connectionId}, 'customers', 'x', ${ours}, 'value')`,
    event_feeds_connection_fk: () =>
      sql`insert into event_feeds (connection_id, venue_id) values (${theirs.connectionId}, ${ours})`,
    sync_silences_connection_fk: () =>
      sql`insert into sync_silences (connection_id, resource, venue_id, look_after) values (${theirs.connectionId}, 'customers', ${ours}, now())`,
    deleted_objects_connection_fk: () =>
      sql`insert into deleted_objects (connection_id, resource, external_id, venue_id, external_version) values (${theirs.connectionId}, 'customers', 'x', ${ours}, 1)`,
    merged_objects_connection_fk: () =>
      sql`insert into merged_objects (connection_id, resource, external_id, venue_id, into_external_id) values (${theirs.connectionId}, 'customers', 'x', ${ours}, 'y')`,
    deliveries_message_fk: () =>
      sql`insert into deliveries (subscription_id, message_id, venue_id, state) values (${own.subscriptionId}, ${theirs.messageId}, ${ours}, 'delivered')`,
    deliveries_subscription_fk: () =>
      sql`insert into deliveries (subscription_id, message_id, venue_id, state) values (${theirs.subscriptionId}, ${own.messageId}, ${ours}, 'delivered')`,
    subscription_secrets_subscription_fk: () =>
      sql`insert into subscription_secrets (id, venue_id, subscription_id, sealed_secret) values (${uuidv7()}, ${ours}, ${theirs.subscriptionId}, '\\x00')`,
    discrepancies_reconciliation_fk: () =>
      sql`insert into discrepancies (id, reconciliation_id, venue_id, kind, differs, day, external_id) values (${uuidv7()}, ${theirs.reconciliationId}, ${ours}, 'missing-here', '[]', '2026-01-01', 'x')`,
    webhook_endpoints_connection_fk: () =>
      sql`insert into webhook_endpoints (connection_id, venue_id, path_digest) values (${theirs.connectionId}, ${ours}, 'x')`,
    dead_letters_connection_fk: () =>
      sql`insert into dead_letters (id, venue_id, connection_id, source, source_key, code, message, history) values (${uuidv7()}, ${ours}, ${theirs.connectionId}, 'record', 'x', 'x', 'x', '[]')`,
    field_mappings_connection_fk: () =>
      sql`insert into field_mappings (connection_id, resource, version, venue_id, definition, active, created_by) values (${theirs.connectionId}, 'customers', 1, ${ours}, '{}', true, 'x')`,
    merge_conflicts_connection_fk: () =>
      sql`insert into merge_conflicts (id, venue_id, connection_id, resource, record_id, source_id, kind, fields) values (${uuidv7()}, ${ours}, ${theirs.connectionId}, 'customers', ${uuidv7()}, 'x', 'fields', '[]')`,
    migrated_connections_connection_fk: () =>
      sql`insert into migrated_connections (connection_id, venue_id, batch) values (${theirs.connectionId}, ${ours}, 'x')`,
    oauth_tokens_connection_fk: () =>
      sql`insert into oauth_tokens (connection_id, venue_id, sealed_tokens) values (${theirs.connectionId}, ${ours}, '\\x00')`,
    reconciliation_readings_fk: () =>
      sql`insert into reconciliation_readings (reconciliation_id, external_id, venue_id, version, kind, occurred_at, amount_minor, currency, status) values (${theirs.reconciliationId}, 'x', ${ours}, 1, 'payment', now(), 1, 'EUR', 'succeeded')`,
    reconciliations_connection_fk: () => aReconciliation(ours, theirs.connectionId),
    record_links_connection_fk: () =>
      sql`insert into record_links (connection_id, resource, record_id, venue_id, state) values (${theirs.connectionId}, 'customers', ${uuidv7()}, ${ours}, 'linked')`,
    record_references_connection_fk: () =>
      sql`insert into record_references (connection_id, resource, record_id, name, venue_id, to_resource, external_id) values (${theirs.connectionId}, 'invoices', ${uuidv7()}, 'customer', ${ours}, 'customers', 'x')`,
    report_answers_connection_fk: () =>
      sql`insert into report_answers (id, venue_id, connection_id, report, content, expires_at) values (${uuidv7()}, ${ours}, ${theirs.connectionId}, 'profit-and-loss', '{}', now())`,
    sync_cursors_connection_fk: () =>
      sql`insert into sync_cursors (connection_id, resource, direction, venue_id) values (${theirs.connectionId}, 'customers', 'pull', ${ours})`,
    sync_logs_run_fk: () =>
      sql`insert into sync_logs (venue_id, sync_id, level, action) values (${ours}, ${theirs.syncId}, 'info', 'note')`,
    sync_missing_run_fk: () =>
      sql`insert into sync_missing (sync_id, external_id, venue_id, reason) values (${theirs.syncId}, 'x', ${ours}, 'told')`,
    sync_plan_items_run_fk: () =>
      sql`insert into sync_plan_items (venue_id, sync_id, key, action) values (${ours}, ${theirs.planId}, 'x', 'create')`,
    sync_runs_connection_fk: () => aRun(theirs.connectionId, null),
    sync_runs_plan_fk: () => aRun(ownConnection, theirs.planId),
    transactions_related_transaction_fk: () =>
      sql`insert into transactions (id, venue_id, source_id, kind, occurred_at, amount_minor, currency, status, related_transaction_id) values (${uuidv7()}, ${ours}, 'r', 'refund', now(), 1, 'EUR', 'succeeded', ${theirs.transactionId})`,
    venue_api_keys_connection_fk: () =>
      // A connection of another venue without an API key; otherwise the primary key would reject the row first.
      sql`insert into venue_api_keys (connection_id, venue_id, sealed_key) values (${theirs.connectionId}, ${ours}, '\\x00')`,
    webhook_event_effects_connection_fk: () =>
      sql`insert into webhook_event_effects (event_id, venue_id, connection_id, kind) values (${eventId}, ${ours}, ${theirs.connectionId}, 'access-check')`,
  };
  const aRun = (connectionId: string, planId: string | null) => sql`
    insert into sync_runs (id, venue_id, connection_id, provider, resource, direction, mode, workflow_id, requested_by, plan_id)
    values (${uuidv7()}, ${ours}, ${connectionId}, 'stripe', 'products', 'pull', 'full', 'w', 'x', ${planId})`;

  const aReconciliation = (venueId: string, connectionId: string, id = uuidv7()) => sql`
    insert into reconciliations (id, venue_id, connection_id, provider, from_day, to_day, time_zone, workflow_id, requested_by)
    values (${id}, ${venueId}, ${connectionId}, 'stripe', '2026-01-01', '2026-01-01', 'UTC', 'w', 'x')`;

  it('has a test case for every foreign key', () => {
    expect(Object.keys(ROWS).sort()).toEqual(keys.map(({ name }) => name).sort());
  });

  it.each(Object.entries(ROWS))('rejects a row that refers to another venue’s row: %s', async (name, row) => {
    if (name === 'venue_api_keys_connection_fk')
      await database.admin`delete from venue_api_keys where connection_id = ${theirs.connectionId}`;
    await expect(withVenue(database.db, ours, (tx) => tx.execute(row()))).rejects.toMatchObject({
      cause: { code: '23503', constraint_name: name },
    });
  });

  it('allows deleting a connection with its runs, even when one carries out another’s plan', async () => {
    const venue = await aVenueWithRuns();
    await database.admin`update sync_runs set plan_id = ${venue.planId} where id = ${venue.syncId}`;
    await database.admin`delete from connections where id = ${venue.connectionId}`;
    expect(await database.admin`select id from sync_runs where venue_id = ${venue.venueId}`).toEqual([]);
  });
});

describe('a column that names a row by its id', () => {
  /** Why each of those without a foreign key has none: docs/decisions/0064. */
  const WITHOUT_KEY = [
    ...['record_links.record_id', 'record_references.record_id', 'sync_logs.record_id'],
    ...['sync_missing.record_id', 'sync_plan_items.record_id', 'discrepancies.record_id'],
    ...['agreed_records.record_id', 'merge_conflicts.record_id', 'dead_letters.record_id'],
    ...['webhook_event_effects.record_id'],
    ...['record_links.last_sync_id', 'record_links.last_push_id', 'sync_plan_items.met_by', 'merge_conflicts.sync_id'],
  ];

  it('has a foreign key in every table of venues, but for those that are listed with a reason', async () => {
    const columns = await database.admin<{ name: string }[]>`
      select c.relname || '.' || a.attname as name
      from pg_attribute a join pg_class c on c.oid = a.attrelid
      where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped
        and a.atttypid = 'uuid'::regtype and a.attname <> 'venue_id'
        and exists (select from pg_attribute v where v.attrelid = c.oid and v.attname = 'venue_id')
        and not exists (select from pg_index i where i.indrelid = c.oid and i.indisprimary and i.indnatts = 1 and a.attnum = any (i.indkey))
        and not exists (select from pg_constraint k where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey))`;
    expect(columns.map(({ name }) => name).sort()).toEqual([...WITHOUT_KEY].sort());
  });

  it.each([
    ['record_links.last_sync_id', 'sync_runs'],
    ['sync_plan_items.met_by', 'sync_runs'],
  ])('%s shows nothing of another venue’s run', async (name, target) => {
    const [table = '', column = ''] = name.split('.');
    const connection = await aConnection(database.db, ours);
    const connectionId = connection.id;
    const { run } = await createSyncRunStore(database.db).openOrJoin(aNewRun(connection, { dryRun: true }));
    const joined = await withVenue(database.db, ours, async (tx) => {
      await (table === 'record_links'
        ? tx.execute(
            sql`insert into record_links (connection_id, resource, record_id, venue_id, state, last_sync_id) values (${connectionId}, 'customers', ${uuidv7()}, ${ours}, 'linked', ${theirs.syncId})`,
          )
        : tx.execute(
            sql`insert into sync_plan_items (venue_id, sync_id, key, action, met_by) values (${ours}, ${run.id}, 'x', 'create', ${theirs.syncId})`,
          ));
      return tx.execute(
        sql`select t.id from ${sql.identifier(table)} s join ${sql.identifier(target)} t on t.id = s.${sql.identifier(column)} where s.${sql.identifier(column)} = ${theirs.syncId}`,
      );
    });
    expect(joined).toEqual([]);
  });
});

describe('a link that refers to another venue’s record', () => {
  it('reveals nothing of it, because row-level security hides the record from a join in every table', async () => {
    const recordId = uuidv7();
    await database.admin`insert into customers (id, venue_id, source_id, name) values (${recordId}, ${theirs.venueId}, 'c', 'Theirs')`;
    const joined = await withVenue(database.db, ours, async (tx) => {
      await tx.execute(
        sql`insert into record_links (connection_id, resource, record_id, venue_id, state) values (${ownConnection}, 'customers', ${recordId}, ${ours}, 'linked')`,
      );
      return tx.execute(sql`select c.name from record_links l join customers c on c.id = l.record_id`);
    });
    expect(joined).toEqual([]);
  });
});
