import { pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { DIRECTIONS } from '../../../contracts/providers.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** How a scheduled sync is watched for silence: a long time without a good run. */
export const syncSilences = pgTable(
  'sync_silences',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    venueId: venueId(),
    /** Of the schedule when it was last looked at; null before. */
    direction: text('direction', { enum: DIRECTIONS }),
    /** Silence before this time does not count: nothing was watched yet, or somebody had paused the sync. */
    countedFrom: instant('counted_from').notNull().defaultNow(),
    /** The schedule is not looked at before. */
    lookAfter: instant('look_after').notNull(),
    /** When subscribers were told; a good run afterwards ends that silence. */
    toldAt: instant('told_at'),
  },
  (table) => [
    primaryKey({ columns: [table.connectionId, table.resource] }),
    venueReference('sync_silences_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('sync_silences'),
  ],
);
