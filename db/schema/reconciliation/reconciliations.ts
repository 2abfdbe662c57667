import { sql } from 'drizzle-orm';
import { bigint, date, index, integer, jsonb, pgTable, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId, ReconciliationId } from '../../../contracts/ids.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { RECONCILIATION_OUTCOMES, RECONCILIATION_PHASES } from '../../../contracts/reconciliation.ts';
import type { DayTotal } from '../../../domain/reconciliation/totals.ts';
import { connections } from '../connections/connections.ts';
import { instant, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';

const count = (name: string) => bigint(name, { mode: 'number' }).notNull().default(0);

/** One comparison of a connection's transactions with the provider's over some business days. */
export const reconciliations = pgTable(
  'reconciliations',
  {
    id: uuid('id').$type<ReconciliationId>().primaryKey(),
    venueId: venueId(),
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    provider: text('provider').$type<ProviderId>().notNull(),
    /** First and last business day, both included, in `timeZone`, which the venue had when it was requested. */
    fromDay: date('from_day').notNull(),
    toDay: date('to_day').notNull(),
    timeZone: text('time_zone').notNull(),
    phase: text('phase', { enum: RECONCILIATION_PHASES }).notNull().default('queued'),
    outcome: text('outcome', { enum: RECONCILIATION_OUTCOMES }),
    error: jsonb('error').$type<{ readonly code: string; readonly message: string; readonly nextAction: string }>(),
    waitingFor: jsonb('waiting_for').$type<{
      readonly what: string;
      readonly since: string;
      readonly until: string | null;
    }>(),
    /** The connection's choice of accounts when it began; null: all. */
    accounts: jsonb('accounts').$type<readonly string[]>(),
    /** Position, from which it resumes. Its shape belongs to the activity that advances it. */
    checkpoint: jsonb('checkpoint').$type<unknown>(),
    /** Grows with every attempt. A page is committed only under the newest. */
    fence: integer('fence').notNull().default(0),
    /** Counts and sums by day, kind and currency, as far as both sides have been compared. */
    totals: jsonb('totals').$type<readonly DayTotal[]>().notNull().default([]),
    readCount: count('read_count'),
    comparedCount: count('compared_count'),
    /** The provider's objects that could not be read, so that nothing is known of them. */
    unreadableCount: count('unreadable_count'),
    /** All of them, also those beyond the number that is stored. */
    discrepancyCount: count('discrepancy_count'),
    providerCalls: count('provider_calls'),
    workflowId: text('workflow_id').notNull(),
    workflowRunId: text('workflow_run_id'),
    requestedBy: text('requested_by').notNull(),
    /** Digest of the request that opened it; null for one without an Idempotency-Key. */
    requestKey: text('request_key'),
    startedAt: instant('started_at'),
    finishedAt: instant('finished_at'),
    ...timestamps(),
  },
  (table) => [
    // One open reconciliation per connection: a second start for the same days joins it.
    uniqueIndex('reconciliations_open')
      .on(table.connectionId)
      .where(sql`finished_at is null`),
    uniqueIndex('reconciliations_request')
      .on(table.venueId, table.requestKey)
      .where(sql`request_key is not null`),
    unique('reconciliations_venue').on(table.venueId, table.id),
    // A connection's are listed newest first, and deleted with it.
    index('reconciliations_connection').on(table.connectionId, table.id),
    venueReference('reconciliations_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('reconciliations'),
  ],
);
