import type postgres from 'postgres';
import { v7 as uuidv7 } from 'uuid';
import type { VenueId } from '../../../contracts/ids.ts';

/**
 * Inserts rows of a venue into every table that has rows of venues, also those that name one another. A test compares
 * the tables with the database's: a new one needs a row here.
 */
export async function fillVenue(admin: postgres.Sql, venueId: VenueId, connectionId: string): Promise<void> {
  const [sync, plan, payment, reconciliation, subscription, message, event] = Array.from({ length: 7 }, () => uuidv7());
  const of = { venue_id: venueId, connection_id: connectionId };
  const customer = { ...of, resource: 'customers' };
  const run = { ...of, provider: 'stripe', direction: 'pull', mode: 'full', workflow_id: 'w', requested_by: 'x' };
  const transaction = {
    venue_id: venueId,
    occurred_at: new Date(),
    amount_minor: 1,
    currency: 'EUR',
    status: 'succeeded',
  };
  const rows: Readonly<Record<string, Readonly<Record<string, unknown>>[]>> = {
    // Each names the other's predecessor, so that no order of ids alone can delete them.
    sync_runs: [
      { ...run, id: plan, resource: 'products', dry_run: true, finished_at: new Date() },
      { ...run, id: sync, resource: 'products', plan_id: plan, finished_at: new Date() },
    ],
    transactions: [
      { ...transaction, id: payment, source_id: 'p', kind: 'payment' },
      { ...transaction, id: uuidv7(), source_id: 'r', kind: 'refund', related_transaction_id: payment },
    ],
    products: [{ id: uuidv7(), venue_id: venueId, source_id: 's', name: 'Tea' }],
    customers: [{ id: uuidv7(), venue_id: venueId, source_id: 's', name: 'A' }],
    inventory_levels: [
      {
        id: uuidv7(),
        venue_id: venueId,
        source_id: 's',
        product_source_id: 's',
        location: 'l',
        quantity: 1,
        counted_at: new Date(),
      },
    ],
    invoices: [{ id: uuidv7(), venue_id: venueId, source_id: 's', status: 'open', currency: 'EUR', total_minor: 1 }],
    reconciliations: [
      {
        ...of,
        id: reconciliation,
        provider: 'stripe',
        from_day: '2026-01-01',
        to_day: '2026-01-01',
        time_zone: 'UTC',
        workflow_id: 'w',
        requested_by: 'x',
        finished_at: new Date(),
      },
    ],
    discrepancies: [
      {
        id: uuidv7(),
        venue_id: venueId,
        reconciliation_id: reconciliation,
        kind: 'missing-here',
        differs: admin.json([]),
        day: '2026-01-01',
        external_id: 'x',
      },
    ],
    reconciliation_readings: [
      {
        venue_id: venueId,
        reconciliation_id: reconciliation,
        external_id: 'x',
        version: 1,
        kind: 'payment',
        occurred_at: new Date(),
        amount_minor: 1,
        currency: 'EUR',
        status: 'succeeded',
      },
    ],
    subscriptions: [{ id: subscription, venue_id: venueId, url: 'https://backend.example/' }],
    subscription_secrets: [
      { id: uuidv7(), venue_id: venueId, subscription_id: subscription, sealed_secret: Buffer.from([0]) },
    ],
    outgoing_messages: [{ id: message, venue_id: venueId, type: 'sync.finished', data: admin.json({}) }],
    deliveries: [{ venue_id: venueId, subscription_id: subscription, message_id: message, state: 'delivered' }],
    agreed_records: [{ ...customer, record_id: uuidv7() }],
    authorization_exchanges: [{ ...of, attempt_id: uuidv7() }],
    connection_reach: [customer],
    dead_letters: [
      { ...of, id: uuidv7(), source: 'record', source_key: 'x', code: 'x', message: 'x', history: admin.json([]) },
    ],
    deleted_objects: [{ ...customer, external_id: 'x', external_version: 1 }],
    event_feeds: [of],
    field_mappings: [{ ...customer, version: 1, definition: admin.json({}), active: true, created_by: 'x' }],
    merge_conflicts: [
      { ...customer, id: uuidv7(), record_id: uuidv7(), source_id: 'x', kind: 'fields', fields: admin.json([]) },
    ],
    merged_objects: [{ ...customer, external_id: 'x', into_external_id: 'y' }],
    migrated_connections: [{ ...of, batch: 'x' }],
    oauth_tokens: [{ ...of, sealed_tokens: Buffer.from([0]) }],
    record_links: [{ ...customer, record_id: uuidv7(), state: 'linked' }],
    record_references: [
      {
        ...of,
        resource: 'invoices',
        record_id: uuidv7(),
        name: 'customer',
        to_resource: 'customers',
        external_id: 'x',
      },
    ],
    report_answers: [
      { ...of, id: uuidv7(), report: 'profit-and-loss', content: admin.json({}), expires_at: new Date() },
    ],
    sync_cursors: [{ ...customer, direction: 'pull' }],
    sync_logs: [{ venue_id: venueId, sync_id: sync, level: 'info', action: 'note' }],
    sync_missing: [{ venue_id: venueId, sync_id: sync, external_id: 'x', reason: 'told' }],
    sync_plan_items: [{ venue_id: venueId, sync_id: plan, key: 'x', action: 'create' }],
    sync_silences: [{ ...customer, look_after: new Date() }],
    unknown_fields: [{ ...customer, path: 'x', kind: 'value' }],
    webhook_endpoints: [{ ...of, path_digest: Buffer.from(uuidv7()) }],
  };
  for (const [table, inserted] of Object.entries(rows))
    for (const row of inserted) await admin`insert into ${admin(table)} ${admin(row)}`;
  await admin`
    insert into webhook_events (id, provider, endpoint, event_key, type, partition, environment, external_account_id)
    select ${event as string}, provider, 'app', ${event as string}, 'a.type', 0, environment, external_account_id from connections where id = ${connectionId}`;
  await admin`insert into webhook_event_effects ${admin({ ...of, event_id: event, kind: 'access-check' })}`;
}

/** Tables with rows of venues, and how many of them are this venue's. */
export async function rowsOf(admin: postgres.Sql, venueId: string): Promise<Readonly<Record<string, number>>> {
  const tables = await admin<{ name: string }[]>`
    select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid
    where c.relkind = 'r' and c.relnamespace = 'public'::regnamespace and a.attname = 'venue_id' and not a.attisdropped
    order by 1`;
  const counts = await Promise.all(
    tables.map(async ({ name }) => {
      const [row] = await admin<{ count: number }[]>`
        select count(*)::int as count from ${admin(name)} where venue_id = ${venueId}`;
      return [name, row?.count ?? 0] as const;
    }),
  );
  return Object.fromEntries(counts);
}
