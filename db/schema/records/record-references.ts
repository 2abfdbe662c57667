import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId, RecordId } from '../../../contracts/ids.ts';
import { venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/**
 * A reference from a pulled record to another by the provider's id. That id is unique only within an account, so it
 * belongs to the connection. The record's own field gets our id as soon as the referenced record exists.
 */
export const recordReferences = pgTable(
  'record_references',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    /** The kind of the referring record. */
    resource: text('resource').notNull(),
    recordId: uuid('record_id').$type<RecordId>().notNull(),
    /** The reference's name in that kind, such as `customer`; inside a list followed by the provider's id, such as `product:12`, because a list may name many. */
    name: text('name').notNull(),
    venueId: venueId(),
    /** The kind of the referenced record. */
    toResource: text('to_resource').notNull(),
    externalId: text('external_id').notNull(),
  },
  (table) => [
    // The record comes first, as in record_links, so that the planner never uses this index for a lookup by the
    // provider's id.
    primaryKey({ name: 'record_references_pk', columns: [table.recordId, table.connectionId, table.name] }),
    index('record_references_named').on(table.connectionId, table.toResource, table.externalId),
    venueReference('record_references_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('record_references'),
  ],
);
