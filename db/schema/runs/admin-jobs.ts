import { sql } from 'drizzle-orm';
import { bigint, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { JobId, VenueId } from '../../../contracts/ids.ts';
import type { SecretRef } from '../../../contracts/vault.ts';
import { instant, timestamps } from '../columns.ts';

const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);

/**
 * A job over all venues, which an administrator of all venues starts and monitors. Holds no venue's data except ids.
 */
export const adminJobs = pgTable(
  'admin_jobs',
  {
    id: uuid('id').$type<JobId>().primaryKey(),
    kind: text('kind', { enum: ['rotate-vault-keys'] }).notNull(),
    phase: text('phase', { enum: ['queued', 'running', 'waiting', 'finished'] })
      .notNull()
      .default('queued'),
    outcome: text('outcome', { enum: ['completed', 'cancelled', 'failed'] }),
    /** Failure type of what the job waits for or failed with; null while it progresses. */
    errorType: text('error_type'),
    /** Name of the key that secrets are resealed under. */
    targetKey: text('target_key').notNull(),
    requestedBy: text('requested_by').notNull(),
    /** Number of passes over all venues, including the running one. */
    pass: integer('pass').notNull().default(1),
    /** Last venue that this pass has finished, and the pass's counts up to there. */
    afterVenueId: uuid('after_venue_id').$type<VenueId>(),
    venuesDone: count('venues_done'),
    /**
     * Secrets found under another key, including those replaced before they were resealed: the next pass checks them.
     */
    resealedInPass: count('resealed_in_pass'),
    unreadableInPass: count('unreadable_in_pass'),
    /** The first secrets that could not be opened, for the operator. */
    unreadable: jsonb('unreadable').$type<readonly SecretRef[]>().notNull().default([]),
    /** Number of venues when the job began. */
    venuesTotal: bigint('venues_total', { mode: 'number' }),
    /** Secrets resealed in all passes. */
    resealed: count('resealed'),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    ...timestamps(),
  },
  (table) => [
    uniqueIndex('admin_jobs_open')
      .on(table.kind)
      .where(sql`finished_at is null`),
  ],
);
