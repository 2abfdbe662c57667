import { sql } from 'drizzle-orm';
import { boolean, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** Versions of a connection's field mapping. At most one is active; without one the built-in mapping applies. */
export const fieldMappings = pgTable(
  'field_mappings',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    version: integer('version').notNull(),
    venueId: venueId(),
    definition: jsonb('definition').$type<Readonly<Record<string, unknown>>>().notNull(),
    active: boolean('active').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    createdBy: text('created_by').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.connectionId, table.resource, table.version] }),
    uniqueIndex('field_mappings_active')
      .on(table.connectionId, table.resource)
      .where(sql`active`),
    venueReference('field_mappings_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('field_mappings'),
  ],
);
