import { sql } from 'drizzle-orm';
import { check, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { Resource } from '../../../contracts/providers.ts';
import { UNKNOWN_FIELD_KINDS } from '../../../contracts/unknown-fields.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from './connections.ts';

/** Fields of a provider's objects that the adapter has no meaning for: names, never values. */
export const unknownFields = pgTable(
  'unknown_fields',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').$type<Resource>().notNull(),
    path: text('path').notNull(),
    venueId: venueId(),
    kind: text('kind', { enum: UNKNOWN_FIELD_KINDS }).notNull(),
    firstSeenAt: instant('first_seen_at').notNull().defaultNow(),
    lastSeenAt: instant('last_seen_at').notNull().defaultNow(),
    /** When a full pull met none of a custom field that an earlier one had met; null while it is there. */
    vanishedAt: instant('vanished_at'),
  },
  (table) => [
    primaryKey({ columns: [table.connectionId, table.resource, table.path] }),
    check('unknown_fields_path', sql`${table.path} ~ '^[A-Za-z0-9_.]{1,200}$'`),
    venueReference('unknown_fields_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('unknown_fields'),
  ],
);
