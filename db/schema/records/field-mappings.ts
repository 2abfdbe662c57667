import { sql } from 'drizzle-orm';
import { boolean, integer, jsonb, pgTable, primaryKey, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { MappingDefinition } from '../../../domain/mapping/mapping.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** Versions of a connection's field mapping. At most one is active; without one every field keeps its name and value. */
export const fieldMappings = pgTable(
  'field_mappings',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    version: integer('version').notNull(),
    venueId: venueId(),
    definition: jsonb('definition').$type<MappingDefinition>().notNull(),
    active: boolean('active').notNull(),
    createdAt: instant('created_at').notNull().defaultNow(),
    createdBy: text('created_by').notNull(),
    /** The version whose definition it repeats; null for one that was sent. */
    restoredVersion: integer('restored_version'),
    /** When it began to apply; null for one that is still being tried, or was refused. */
    activatedAt: instant('activated_at'),
    /** When every record had been read and written again under it; null until then. */
    reprojectedAt: instant('reprojected_at'),
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
