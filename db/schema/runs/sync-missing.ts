import { bigint, boolean, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { RecordId, SyncId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { syncRuns } from './sync-runs.ts';

/**
 * Records that a run considers deleted on the other side but has not archived yet, because the whole run's count may
 * need a person's approval.
 */
export const syncMissing = pgTable(
  'sync_missing',
  {
    syncId: uuid('sync_id').$type<SyncId>().notNull(),
    externalId: text('external_id').notNull(),
    venueId: venueId(),
    /** Null for a record that we never stored. */
    recordId: uuid('record_id').$type<RecordId>(),
    /**
     * `told`: the change feed reports the deletion. `unlisted`: a complete listing did not return it. `doubted`: it was
     * reported both as deleted and as existing.
     */
    reason: text('reason', { enum: ['told', 'unlisted', 'doubted', 'dead-letter'] }).notNull(),
    /** Version of the deletion, as `record_links.external_version`; null until the provider is asked. */
    version: bigint('version', { mode: 'number' }),
    /** When it was deleted by the provider's clock; null when the provider does not say. */
    deletedAt: instant('deleted_at'),
    /** It was looked up and archived, or found to exist. */
    settled: boolean('settled').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.syncId, table.externalId] }),
    venueReference('sync_missing_run_fk', [table.venueId, table.syncId], syncRuns),
    venuePolicy('sync_missing'),
  ],
);
