import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId, RecordId } from '../../../contracts/ids.ts';
import { venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/**
 * What a pulled record names another by: the provider's id, which is unique in one account only and so belongs to the connection. The
 * record's own field gets our id as soon as the record that is named is there.
 */
export const recordReferences = pgTable(
  'record_references',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    /** The kind of the record that names another. */
    resource: text('resource').notNull(),
    recordId: uuid('record_id').$type<RecordId>().notNull(),
    /** What the kind calls it, such as `customer`. */
    name: text('name').notNull(),
    venueId: venueId(),
    /** The kind of the record that is named. */
    toResource: text('to_resource').notNull(),
    externalId: text('external_id').notNull(),
  },
  (table) => [
    // The record first, as in record_links: the planner never takes this index for a lookup by the provider's id.
    primaryKey({ name: 'record_references_pk', columns: [table.recordId, table.connectionId, table.name] }),
    index('record_references_named').on(table.connectionId, table.toResource, table.externalId),
    venueReference('record_references_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('record_references'),
  ],
);
