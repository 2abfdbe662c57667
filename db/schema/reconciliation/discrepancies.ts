import { sql } from 'drizzle-orm';
import { date, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { DiscrepancyId, ReconciliationId, RecordId } from '../../../contracts/ids.ts';
import { DISCREPANCY_KINDS, DISCREPANCY_STATES } from '../../../contracts/reconciliation.ts';
import type { DifferingField } from '../../../domain/reconciliation/compare.ts';
import type { TransactionFact } from '../../../domain/reconciliation/transaction-fact.ts';
import { instant, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { reconciliations } from './reconciliations.ts';

/** A transaction on which the venue and the provider disagree, as a reconciliation found it. */
export const discrepancies = pgTable(
  'discrepancies',
  {
    id: uuid('id').$type<DiscrepancyId>().primaryKey(),
    reconciliationId: uuid('reconciliation_id').$type<ReconciliationId>().notNull(),
    venueId: venueId(),
    kind: text('kind', { enum: DISCREPANCY_KINDS }).notNull(),
    /** The fields that differ; empty for a transaction that one side does not have. */
    differs: jsonb('differs').$type<readonly DifferingField[]>().notNull(),
    day: date('day').notNull(),
    externalId: text('external_id').notNull(),
    /** Null for a transaction that the venue does not have. */
    recordId: uuid('record_id').$type<RecordId>(),
    /** Both sides as they were compared; null for a side that did not have it. */
    here: jsonb('here').$type<TransactionFact>(),
    there: jsonb('there').$type<TransactionFact>(),
    state: text('state', { enum: DISCREPANCY_STATES }).notNull().default('open'),
    /** Why the last attempt at a repair left it open; null when there was none. */
    problem: jsonb('problem').$type<{ readonly code: string; readonly message: string }>(),
    /** When it was repaired or found to be resolved, and by whose request. */
    settledAt: instant('settled_at'),
    settledBy: text('settled_by'),
    ...timestamps(),
  },
  (table) => [
    // A page that is compared again after a crash adds no second row.
    uniqueIndex('discrepancies_transaction').on(table.reconciliationId, table.externalId),
    index('discrepancies_page').on(table.reconciliationId, table.id),
    // A later reconciliation settles those that it does not find again.
    index('discrepancies_open')
      .on(table.venueId, table.externalId)
      .where(sql`state = 'open'`),
    venueReference('discrepancies_reconciliation_fk', [table.venueId, table.reconciliationId], reconciliations),
    venuePolicy('discrepancies'),
  ],
);
