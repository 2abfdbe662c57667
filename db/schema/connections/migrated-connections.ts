import { pgTable, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from './connections.ts';

/** Connections that `worker/secrets` made from a predecessor's secrets, until a person confirms or removes them. */
export const migratedConnections = pgTable(
  'migrated_connections',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().primaryKey(),
    venueId: venueId(),
    /** Chosen by the person who ran the migration. */
    batch: text('batch').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    venueReference('migrated_connections_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('migrated_connections'),
  ],
);
