import { sql } from 'drizzle-orm';
import { index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId, RecordId, SyncId } from '../../../contracts/ids.ts';
import { CONFLICT_KINDS, CONFLICT_RESOLUTIONS, CONFLICT_STATES } from '../../../contracts/conflicts.ts';
import type { ConflictField } from '../../../contracts/conflicts.ts';
import { timestamps, venueId, instant, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** Records that both sides of a two-way sync changed differently, where a person decides. At most one per link is open. */
export const mergeConflicts = pgTable(
  'merge_conflicts',
  {
    id: uuid('id').primaryKey(),
    venueId: venueId(),
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    recordId: uuid('record_id').$type<RecordId>().notNull(),
    sourceId: text('source_id').notNull(),
    externalId: text('external_id'),
    kind: text('kind', { enum: CONFLICT_KINDS }).notNull(),
    /** The fields in conflict with the values of both sides. */
    fields: jsonb('fields').$type<readonly ConflictField[]>().notNull(),
    state: text('state', { enum: CONFLICT_STATES }).notNull().default('open'),
    resolution: text('resolution', { enum: CONFLICT_RESOLUTIONS }),
    /** The run that last found it. */
    syncId: uuid('sync_id').$type<SyncId>(),
    resolvedAt: instant('resolved_at'),
    resolvedBy: text('resolved_by'),
    ...timestamps(),
  },
  (table) => [
    uniqueIndex('merge_conflicts_open')
      .on(table.recordId, table.connectionId, table.resource)
      .where(sql`state = 'open'`),
    index('merge_conflicts_page').on(table.venueId, table.id),
    index('merge_conflicts_connection').on(table.connectionId, table.id),
    // Retention removes the oldest resolved ones.
    index('merge_conflicts_resolved')
      .on(table.resolvedAt)
      .where(sql`state = 'resolved'`),
    venueReference('merge_conflicts_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('merge_conflicts'),
  ],
);
