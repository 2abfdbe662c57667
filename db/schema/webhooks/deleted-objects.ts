import { bigint, index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/**
 * Objects that events reported as deleted before any record of them existed. An earlier event that arrives late must
 * not create a record.
 */
export const deletedObjects = pgTable(
  'deleted_objects',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    externalId: text('external_id').notNull(),
    venueId: venueId(),
    /** Of the deletion, as in `record_links`. */
    externalVersion: bigint('external_version', { mode: 'number' }).notNull(),
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'deleted_objects_pk', columns: [table.connectionId, table.resource, table.externalId] }),
    index('deleted_objects_at').on(table.at),
    venueReference('deleted_objects_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('deleted_objects'),
  ],
);
