import { date, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import type { Resource } from '../../../contracts/providers.ts';
import { timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from './connections.ts';

/**
 * What a connection leaves out of the records of one kind: fields, and what began before a day. Without a row it leaves
 * out nothing.
 */
export const connectionReach = pgTable(
  'connection_reach',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').$type<Resource>().notNull(),
    venueId: venueId(),
    excludedFields: jsonb('excluded_fields').$type<readonly string[]>().notNull().default([]),
    historyFrom: date('history_from'),
    /** Fields that are no longer left out, with when that ended. */
    includedSince: jsonb('included_since').$type<Readonly<Record<string, string>>>().notNull().default({}),
    ...timestamps(),
  },
  (table) => [
    primaryKey({ columns: [table.connectionId, table.resource] }),
    venueReference('connection_reach_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('connection_reach'),
  ],
);
