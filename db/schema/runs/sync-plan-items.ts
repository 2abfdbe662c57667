import { bigint, bigserial, index, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { RecordId, SyncId } from '../../../contracts/ids.ts';
import { PLAN_ACTIONS } from '../../../contracts/sync.ts';
import { venueId, venuePolicy, venueReference } from '../columns.ts';
import { syncRuns } from './sync-runs.ts';

/** What a dry run would have done, record by record. */
export const syncPlanItems = pgTable(
  'sync_plan_items',
  {
    seq: bigserial('seq', { mode: 'number' }).primaryKey(),
    venueId: venueId(),
    syncId: uuid('sync_id').$type<SyncId>().notNull(),
    /** The record's id for a push, the provider's id for a pull. */
    key: text('key').notNull(),
    action: text('action', { enum: PLAN_ACTIONS }).notNull(),
    recordId: uuid('record_id').$type<RecordId>(),
    sourceId: text('source_id'),
    externalId: text('external_id'),
    /** Names of the fields that would change, or the reason of a rejection. Never values. */
    detail: text('detail'),
    /** Fingerprint of what would be written, which a later run compares. */
    fingerprint: text('fingerprint'),
    /** Version of the reading that was decided on; null when nothing newer can come. */
    version: bigint('version', { mode: 'number' }),
    /** The run that did, or tried, what the plan says about this record. */
    metBy: uuid('met_by').$type<SyncId>(),
  },
  (table) => [
    uniqueIndex('sync_plan_items_key').on(table.syncId, table.key),
    index('sync_plan_items_action').on(table.syncId, table.action, table.seq),
    venueReference('sync_plan_items_run_fk', [table.venueId, table.syncId], syncRuns),
    venuePolicy('sync_plan_items'),
  ],
);
