import { pgTable, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy } from '../columns.ts';
import { connections } from './connections.ts';

/** Connections that `worker/secrets` made of a predecessor's secrets, until a person confirms them or takes them back. */
export const migratedConnections = pgTable(
  'migrated_connections',
  {
    connectionId: uuid('connection_id')
      .$type<ConnectionId>()
      .primaryKey()
      .references(() => connections.id, { onDelete: 'cascade' }),
    venueId: venueId(),
    /** Chosen by whoever ran the migration. */
    batch: text('batch').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  () => [venuePolicy('migrated_connections')],
);
