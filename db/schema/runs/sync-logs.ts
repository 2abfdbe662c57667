import { sql } from 'drizzle-orm';
import { bigserial, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import type { RecordId, SyncId } from '../../../contracts/ids.ts';
import { SYNC_LOG_ACTIONS } from '../../../contracts/sync.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { syncRuns } from './sync-runs.ts';

/** What a run did, record by record, and its phases. `seq` orders it and is the id of a live event. */
export const syncLogs = pgTable(
  'sync_logs',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    venueId: venueId(),
    syncId: uuid('sync_id').$type<SyncId>().notNull(),
    at: instant('at').notNull().defaultNow(),
    level: text('level', { enum: ['info', 'warn', 'error'] }).notNull(),
    action: text('action', { enum: SYNC_LOG_ACTIONS }).notNull(),
    recordId: uuid('record_id').$type<RecordId>(),
    sourceId: text('source_id'),
    externalId: text('external_id'),
    code: text('code'),
    message: text('message'),
  },
  (table) => [
    index('sync_logs_run').on(table.syncId, table.seq),
    index('sync_logs_rejected')
      .on(table.syncId, table.externalId)
      .where(sql`action = 'rejected'`),
    venueReference('sync_logs_run_fk', [table.venueId, table.syncId], syncRuns),
    venuePolicy('sync_logs'),
  ],
);
