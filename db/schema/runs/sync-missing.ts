import { bigint, boolean, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { RecordId, SyncId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { syncRuns } from './sync-runs.ts';

/** Records that a run holds for deleted on the other side, before they are archived: a whole run's worth may need a person's approval. */
export const syncMissing = pgTable(
  'sync_missing',
  {
    syncId: uuid('sync_id').$type<SyncId>().notNull(),
    externalId: text('external_id').notNull(),
    venueId: venueId(),
    /** Null for a record that we never had. */
    recordId: uuid('record_id').$type<RecordId>(),
    /** `told`: the change feed says so. `unlisted`: a complete listing did not bring it. `doubted`: it is told both as deleted and as there. */
    reason: text('reason', { enum: ['told', 'unlisted', 'doubted'] }).notNull(),
    /** Of the deletion, as `record_links.external_version`; null while the provider has to be asked. */
    version: bigint('version', { mode: 'number' }),
    /** When it was deleted, by the provider's clock; null where it does not tell. */
    deletedAt: instant('deleted_at'),
    /** Looked up and archived, or found to be there after all. */
    settled: boolean('settled').notNull().default(false),
  },
  (table) => [
    primaryKey({ columns: [table.syncId, table.externalId] }),
    venueReference('sync_missing_run_fk', [table.venueId, table.syncId], syncRuns),
    venuePolicy('sync_missing'),
  ],
);
