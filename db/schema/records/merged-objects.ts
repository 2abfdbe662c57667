import { index, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/**
 * Objects that the provider has merged into another. Older objects of the account still name them, and a reading that was
 * on its way must not create a record of one.
 */
export const mergedObjects = pgTable(
  'merged_objects',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    externalId: text('external_id').notNull(),
    venueId: venueId(),
    /** The object that there is now: of one that was merged again, the last. */
    intoExternalId: text('into_external_id').notNull(),
    ...timestamps(),
  },
  (table) => [
    primaryKey({ name: 'merged_objects_pk', columns: [table.connectionId, table.resource, table.externalId] }),
    index('merged_objects_into').on(table.connectionId, table.resource, table.intoExternalId),
    venueReference('merged_objects_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('merged_objects'),
  ],
);
