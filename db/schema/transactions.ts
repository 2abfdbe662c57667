import { bigint, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { RecordId } from '../../contracts/ids.ts';
import { instant, recordEnvelope, venuePolicy } from './columns.ts';
import { venues } from './venues.ts';

const envelope = recordEnvelope();

export const transactions = pgTable(
  'transactions',
  {
    ...envelope,
    venueId: envelope.venueId.references(() => venues.id),
    kind: text('kind', { enum: ['payment', 'refund', 'adjustment', 'dispute'] }).notNull(),
    occurredAt: instant('occurred_at').notNull(),
    amountMinor: bigint('amount_minor', { mode: 'number' }).notNull(),
    currency: text('currency').notNull(),
    feeMinor: bigint('fee_minor', { mode: 'number' }),
    status: text('status').notNull(),
    customerSourceId: text('customer_source_id'),
    relatedTransactionId: uuid('related_transaction_id').$type<RecordId>(),
    lines: jsonb('lines').$type<readonly Readonly<Record<string, unknown>>[]>().notNull().default([]),
  },
  (table) => [
    uniqueIndex('transactions_source').on(table.venueId, table.sourceId),
    index('transactions_page').on(table.venueId, table.id),
    index('transactions_occurred').on(table.venueId, table.occurredAt),
    venuePolicy('transactions'),
  ],
);
