import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  real,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ConnectionId, SyncId } from '../../../contracts/ids.ts';
import { DIRECTIONS, SYNC_MODES } from '../../../contracts/providers.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { SYNC_OUTCOMES, SYNC_PHASES } from '../../../contracts/sync.ts';
import type { ArchivingCount } from '../../../contracts/sync.ts';
import { instant, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);

/** One run of a sync: its cursor, from which it resumes after a crash, its counts and its end. */
export const syncRuns = pgTable(
  'sync_runs',
  {
    id: uuid('id').$type<SyncId>().primaryKey(),
    venueId: venueId(),
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    provider: text('provider').$type<ProviderId>().notNull(),
    resource: text('resource').notNull(),
    direction: text('direction', { enum: DIRECTIONS }).notNull(),
    mode: text('mode', { enum: SYNC_MODES }).notNull(),
    /** A dry run reads and decides but writes to neither side. */
    dryRun: boolean('dry_run').notNull().default(false),
    /** Restricts the run to the records of dead letters that are to be retried. */
    deadLettersOnly: boolean('dead_letters_only').notNull().default(false),
    /** Restricts the run to objects created at the provider in [windowFrom, windowTo). */
    windowFrom: instant('window_from'),
    windowTo: instant('window_to'),
    /** What the connection's choice of accounts was when the run began; null: all. */
    accounts: jsonb('accounts').$type<readonly string[]>(),
    /** The dry run whose plan this run carries out. */
    planId: uuid('plan_id').$type<SyncId>(),
    /** Records whose outcome differed from that plan. */
    deviationCount: count('deviation_count'),
    /** What a person has to approve. */
    awaiting: jsonb('awaiting').$type<ArchivingCount>(),
    /** For a dry run: the cost of carrying its plan out. */
    plan: jsonb('plan').$type<{ readonly calls: number; readonly seconds: number }>(),
    /** What was approved. An approval of an earlier version has no count and covers nothing. */
    approved: jsonb('approved').$type<ArchivingCount>(),
    approvedAt: instant('approved_at'),
    approvedBy: text('approved_by'),
    phase: text('phase', { enum: SYNC_PHASES }).notNull().default('queued'),
    outcome: text('outcome', { enum: SYNC_OUTCOMES }),
    error: jsonb('error').$type<{ readonly code: string; readonly message: string; readonly nextAction: string }>(),
    waitingFor: jsonb('waiting_for').$type<{
      readonly what: string;
      readonly since: string;
      readonly until: string | null;
    }>(),
    /** Position of the run. Its shape belongs to the activity that advances it. */
    checkpoint: jsonb('checkpoint').$type<unknown>(),
    /** Grows with every attempt at a chunk. A page is committed only under the newest. */
    fence: integer('fence').notNull().default(0),
    done: count('done'),
    total: bigint('total', { mode: 'number' }),
    ratePerSecond: real('rate_per_second').notNull().default(0),
    readCount: count('read_count'),
    createdCount: count('created_count'),
    updatedCount: count('updated_count'),
    unchangedCount: count('unchanged_count'),
    archivedCount: count('archived_count'),
    rejectedCount: count('rejected_count'),
    conflictCount: count('conflict_count'),
    providerCalls: count('provider_calls'),
    workflowId: text('workflow_id').notNull(),
    workflowRunId: text('workflow_run_id'),
    requestedBy: text('requested_by').notNull(),
    /** Digest of the request that opened it; null for one without an Idempotency-Key. */
    requestKey: text('request_key'),
    stopRequestedAt: instant('stop_requested_at'),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    ...timestamps(),
  },
  (table) => [
    // One open run per sync, and one open dry run: a second start joins it.
    uniqueIndex('sync_runs_open')
      .on(table.connectionId, table.resource, table.direction, table.dryRun)
      .where(sql`finished_at is null`),
    // Two processes that handle the same request open one run.
    uniqueIndex('sync_runs_request')
      .on(table.venueId, table.requestKey)
      .where(sql`request_key is not null`),
    unique('sync_runs_venue').on(table.venueId, table.id),
    foreignKey({
      name: 'sync_runs_plan_fk',
      columns: [table.venueId, table.planId],
      foreignColumns: [table.venueId, table.id],
    }),
    // Every start looks for a plan, and there rarely is one.
    index('sync_runs_dry')
      .on(table.connectionId, table.resource, table.direction)
      .where(sql`dry_run`),
    // Every scheduled run looks for the newest attempt at a full pass.
    index('sync_runs_full')
      .on(table.connectionId, table.resource, table.direction, table.id)
      .where(sql`mode = 'full' and not dry_run`),
    // A start that carries out a plan checks whether a run of the sync has finished since.
    index('sync_runs_finished')
      .on(table.connectionId, table.resource, table.direction, table.finishedAt)
      .where(sql`not dry_run`),
    // Retention keeps a dry run with the run that carries its plan out, and a sync's newest failed run.
    index('sync_runs_plan')
      .on(table.planId)
      .where(sql`plan_id is not null`),
    index('sync_runs_failed')
      .on(table.connectionId, table.resource, table.direction, table.id)
      .where(sql`outcome = 'failed'`),
    // Runs of a connection are listed newest first, and deleted with it.
    index('sync_runs_connection').on(table.connectionId, table.id),
    venueReference('sync_runs_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('sync_runs'),
  ],
);
