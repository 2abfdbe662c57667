import { jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { Cursor } from '../../../domain/sync/pull/pull-plan.ts';
import { DIRECTIONS } from '../../../contracts/providers.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** How far incremental syncs of a connection have come, and when the last full pass was. */
export const syncCursors = pgTable(
  'sync_cursors',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    direction: text('direction', { enum: DIRECTIONS }).notNull(),
    venueId: venueId(),
    /** Everything up to this time is stored here; null for pushes. */
    watermark: instant('watermark'),
    /** Where the next pull continues in a change feed that is read since a token. Only the adapter reads it. */
    feedCursor: jsonb('feed_cursor').$type<Cursor>(),
    /** Start of the last completed run that went through everything, whatever its mode. */
    fullStartedAt: instant('full_started_at'),
    fullFinishedAt: instant('full_finished_at'),
    updatedAt: instant('updated_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.connectionId, table.resource, table.direction] }),
    venueReference('sync_cursors_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('sync_cursors'),
  ],
);
