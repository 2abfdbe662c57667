import { bigint, boolean, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ReconciliationId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { reconciliations } from './reconciliations.ts';

/**
 * The provider's transactions that an open reconciliation has read and not yet compared. A transaction is one row,
 * however many lists tell it. Deleted when the reconciliation ends.
 */
export const reconciliationReadings = pgTable(
  'reconciliation_readings',
  {
    reconciliationId: uuid('reconciliation_id').$type<ReconciliationId>().notNull(),
    externalId: text('external_id').notNull(),
    venueId: venueId(),
    /** The reading's version at the provider: of two readings the newer one counts. */
    version: bigint('version', { mode: 'number' }).notNull(),
    kind: text('kind').notNull(),
    occurredAt: instant('occurred_at').notNull(),
    amountMinor: bigint('amount_minor', { mode: 'number' }).notNull(),
    currency: text('currency').notNull(),
    status: text('status').notNull(),
    posted: boolean('posted'),
  },
  (table) => [
    primaryKey({ columns: [table.reconciliationId, table.externalId] }),
    venueReference('reconciliation_readings_fk', [table.venueId, table.reconciliationId], reconciliations),
    venuePolicy('reconciliation_readings'),
  ],
);
