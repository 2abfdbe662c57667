import { sql } from 'drizzle-orm';
import { bigint, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { JobId, VenueId } from '../../../contracts/ids.ts';
import type { SecretRef } from '../../../contracts/vault.ts';
import { instant, timestamps } from '../columns.ts';

const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);

/** Work on all venues at once, which an administrator of all venues starts and watches. Holds no venue's data but ids. */
export const adminJobs = pgTable(
  'admin_jobs',
  {
    id: uuid('id').$type<JobId>().primaryKey(),
    kind: text('kind', { enum: ['rotate-vault-keys'] }).notNull(),
    phase: text('phase', { enum: ['queued', 'running', 'waiting', 'finished'] })
      .notNull()
      .default('queued'),
    outcome: text('outcome', { enum: ['completed', 'cancelled', 'failed'] }),
    /** Failure type of what it waits for or failed with; null while it moves. */
    errorType: text('error_type'),
    /** Name of the key that every secret comes under. */
    targetKey: text('target_key').notNull(),
    requestedBy: text('requested_by').notNull(),
    /** Times that all venues have been walked, the one under way included. */
    pass: integer('pass').notNull().default(1),
    /** Last venue that this pass is done with, and the pass's counts up to there. */
    afterVenueId: uuid('after_venue_id').$type<VenueId>(),
    venuesDone: count('venues_done'),
    /** Secrets found under another key, those included that were replaced before they could be: the next pass looks at them. */
    resealedInPass: count('resealed_in_pass'),
    unreadableInPass: count('unreadable_in_pass'),
    /** The first of them, for whoever looks after it. */
    unreadable: jsonb('unreadable').$type<readonly SecretRef[]>().notNull().default([]),
    /** Venues when the job began. */
    venuesTotal: bigint('venues_total', { mode: 'number' }),
    /** Secrets brought under the key, in all passes. */
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
