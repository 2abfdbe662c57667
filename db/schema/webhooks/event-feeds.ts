import { integer, jsonb, pgTable, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { OpenComparison } from '../../../domain/inbox/event-comparison.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** How far the events of a connection were compared with what its provider lists. */
export const eventFeeds = pgTable(
  'event_feeds',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().primaryKey(),
    venueId: venueId(),
    /** Events created before this time were compared; null before the first comparison has ended. */
    comparedTo: instant('compared_to'),
    /** When the last comparison ended. */
    comparedAt: instant('compared_at'),
    /** The comparison under way; null when none is. */
    open: jsonb('open').$type<OpenComparison>(),
    /** Events that were missing one after another, since a comparison last found one that was delivered. */
    undelivered: integer('undelivered').notNull().default(0),
  },
  (table) => [
    venueReference('event_feeds_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('event_feeds'),
  ],
);
