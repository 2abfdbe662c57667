import { and, asc, eq, exists, gt, gte, inArray, isNull, sql } from 'drizzle-orm';
import { v7 as uuidv7 } from 'uuid';
import type { ConnectionId, RecordId, VenueId } from '../contracts/ids.ts';
import type { CustomerFields, CustomerRecord, RecordLink } from '../contracts/records.ts';
import { toPage } from './page.ts';
import type { Page, PageRequest } from './page.ts';
import { customers } from './schema/customers.ts';
import { recordLinks } from './schema/record-links.ts';
import { withVenue } from './venue-scope.ts';
import type { Database, Transaction } from './venue-scope.ts';

/** Fields a caller sent: an absent one keeps its value, null clears it. */
export type CustomerChanges = { readonly [Field in keyof CustomerFields]?: CustomerFields[Field] | undefined };

export type CustomerInput = CustomerChanges & { readonly sourceId: string };

export interface CustomerFilter {
  readonly sourceId?: string | undefined;
  readonly updatedSince?: Date | undefined;
  readonly connectionId?: ConnectionId | undefined;
  readonly includeDeleted: boolean;
}

export type UpsertVerdict = 'created' | 'updated' | 'unchanged';

export interface CustomerStore {
  /**
   * Creates or changes records by `sourceId`, all in one transaction and in the order given; the verdicts are in the same order.
   * `sourceId`s in one call are distinct. A record that would not change keeps its version; a deleted one that is sent again comes back.
   */
  upsertMany(venueId: VenueId, records: readonly CustomerInput[]): Promise<readonly UpsertVerdict[]>;
  /** With each record's links. */
  list(venueId: VenueId, filter: CustomerFilter, page: PageRequest): Promise<Page<CustomerRecord>>;
  find(venueId: VenueId, id: RecordId): Promise<CustomerRecord | null>;
  /** Null when there is none, or it is deleted. An unchanged record keeps its version. */
  update(venueId: VenueId, id: RecordId, changes: CustomerChanges): Promise<CustomerRecord | null>;
}

export function createCustomerStore(db: Database): CustomerStore {
  return {
    upsertMany: (venueId, records) =>
      withVenue(db, venueId, async (tx) => {
        if (records.length === 0) return [];
        const created = await insertNew(tx, venueId, records);
        const known = records.filter(({ sourceId }) => !created.has(sourceId));
        const updated = await updateChanged(tx, known);
        return records.map(({ sourceId }) => (created.has(sourceId) ? 'created' : updated.has(sourceId) ? 'updated' : 'unchanged'));
      }),

    list: (venueId, filter, { limit, after }) =>
      withVenue(db, venueId, async (tx) => {
        const rows = await tx
          .select()
          .from(customers)
          .where(and(matches(tx, filter), after === null ? undefined : gt(customers.id, after as RecordId)))
          .orderBy(asc(customers.id))
          .limit(limit + 1);
        const links = await linksOf(tx, rows);
        return toPage(rows, limit, { item: (row) => toRecord(row, links), id: (row) => row.id });
      }),

    find: (venueId, id) => withVenue(db, venueId, (tx) => findWithLinks(tx, id)),

    update: (venueId, id, changes) =>
      withVenue(db, venueId, async (tx) => {
        const [row] = await tx.select({ sourceId: customers.sourceId }).from(customers).where(and(eq(customers.id, id), isNull(customers.deletedAt))).for('update');
        if (!row) return null;
        await updateChanged(tx, [{ ...changes, sourceId: row.sourceId }]);
        return findWithLinks(tx, id);
      }),
  };
}

type Row = typeof customers.$inferSelect;

/** Returns the `sourceId`s that were not there before. Sorted, so that two calls never wait for each other in a circle. */
async function insertNew(tx: Transaction, venueId: VenueId, records: readonly CustomerInput[]): Promise<ReadonlySet<string>> {
  const documents = records.map((record) => ({ ...record, id: uuidv7() }));
  const rows = await tx.execute<{ source_id: string }>(sql`
    insert into customers (id, venue_id, source_id, name, email, phone, address, marketing_consent, metadata)
    select (d->>'id')::uuid, ${venueId}::uuid, d->>'sourceId', d->>'name', d->>'email', d->>'phone',
      nullif(d->'address', 'null'), (d->>'marketingConsent')::boolean, coalesce(d->'metadata', '{}')
    from jsonb_array_elements(${JSON.stringify(documents)}::jsonb) as d
    order by d->>'sourceId'
    on conflict (venue_id, source_id) do nothing
    returning source_id`);
  return new Set(rows.map((row) => row.source_id));
}

/** Returns the `sourceId`s of the records that are not as they were. An absent field keeps its value: JSON leaves undefined ones out. */
async function updateChanged(tx: Transaction, records: readonly CustomerInput[]): Promise<ReadonlySet<string>> {
  if (records.length === 0) return new Set();
  const documents = JSON.stringify(records);
  // A statement of its own, in the order in which every writer locks records: an update locks in whatever order its plan visits the rows.
  await tx.execute(sql`
    select from customers
    where source_id in (select d->>'sourceId' from jsonb_array_elements(${documents}::jsonb) as d)
    order by id
    for no key update`);
  const rows = await tx.execute<{ source_id: string }>(sql`
    update customers as c
    set name = n.name, email = n.email, phone = n.phone, address = n.address, marketing_consent = n.marketing_consent,
      metadata = n.metadata, version = c.version + 1, updated_at = now(), deleted_at = null
    from (
      select o.id,
        case when d ? 'name' then d->>'name' else o.name end as name,
        case when d ? 'email' then d->>'email' else o.email end as email,
        case when d ? 'phone' then d->>'phone' else o.phone end as phone,
        case when d ? 'address' then nullif(d->'address', 'null') else o.address end as address,
        case when d ? 'marketingConsent' then (d->>'marketingConsent')::boolean else o.marketing_consent end as marketing_consent,
        coalesce(d->'metadata', o.metadata) as metadata
      from jsonb_array_elements(${documents}::jsonb) as d
      join customers as o on o.source_id = d->>'sourceId'
    ) as n
    where c.id = n.id
      and (c.deleted_at is not null
        or (c.name, c.email, c.phone, c.address, c.marketing_consent, c.metadata)
          is distinct from (n.name, n.email, n.phone, n.address, n.marketing_consent, n.metadata))
    returning c.source_id`);
  return new Set(rows.map((row) => row.source_id));
}

function matches(tx: Transaction, { sourceId, updatedSince, connectionId, includeDeleted }: CustomerFilter) {
  const linkOfConnection = (connection: ConnectionId) =>
    tx
      .select({ one: sql`1` })
      .from(recordLinks)
      .where(and(eq(recordLinks.connectionId, connection), eq(recordLinks.resource, 'customers'), eq(recordLinks.recordId, customers.id)));
  return and(
    sourceId === undefined ? undefined : eq(customers.sourceId, sourceId),
    updatedSince === undefined ? undefined : gte(customers.updatedAt, updatedSince),
    connectionId === undefined ? undefined : exists(linkOfConnection(connectionId)),
    includeDeleted ? undefined : isNull(customers.deletedAt),
  );
}

async function findWithLinks(tx: Transaction, id: RecordId): Promise<CustomerRecord | null> {
  const rows = await tx.select().from(customers).where(eq(customers.id, id));
  const links = await linksOf(tx, rows);
  return rows[0] ? toRecord(rows[0], links) : null;
}

async function linksOf(tx: Transaction, rows: readonly Row[]): Promise<ReadonlyMap<RecordId, readonly RecordLink[]>> {
  if (rows.length === 0) return new Map();
  const { recordId, connectionId, externalId, syncedAt, state } = recordLinks;
  const links = await tx
    .select({ recordId, link: { connectionId, externalId, syncedAt, state } })
    .from(recordLinks)
    .where(and(eq(recordLinks.resource, 'customers'), inArray(recordId, rows.map((row) => row.id))))
    .orderBy(asc(connectionId));
  return new Map([...Map.groupBy(links, (row) => row.recordId)].map(([id, group]) => [id, group.map((row) => row.link)]));
}

function toRecord(row: Row, links: ReadonlyMap<RecordId, readonly RecordLink[]>): CustomerRecord {
  return { ...row, links: links.get(row.id) ?? [] };
}
