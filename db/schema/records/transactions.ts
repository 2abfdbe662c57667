import { isNotNull } from 'drizzle-orm';
import { bigint, boolean, index, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { RecordId } from '../../../contracts/ids.ts';
import { TRANSACTION_KINDS, TRANSACTION_STATUSES } from '../../../contracts/records.ts';
import type { TransactionLine } from '../../../contracts/records.ts';
import { instant, recordEnvelope, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

const envelope = recordEnvelope();

export const transactions = pgTable(
  'transactions',
  {
    ...envelope,
    venueId: envelope.venueId.references(() => venues.id),
    kind: text('kind', { enum: TRANSACTION_KINDS }).notNull(),
    occurredAt: instant('occurred_at').notNull(),
    amountMinor: bigint('amount_minor', { mode: 'number' }).notNull(),
    currency: text('currency').notNull(),
    feeMinor: bigint('fee_minor', { mode: 'number' }),
    status: text('status', { enum: TRANSACTION_STATUSES }).notNull(),
    /** Null: the status tells. */
    posted: boolean('posted'),
    customerSourceId: text('customer_source_id'),
    relatedTransactionId: uuid('related_transaction_id').$type<RecordId>(),
    lines: jsonb('lines').$type<readonly TransactionLine[]>().notNull().default([]),
    /** The provider's ids of what the transaction belongs to, kept until our records of them are there. */
    customerExternalId: text('customer_external_id'),
    relatedExternalId: text('related_external_id'),
    /** The provider's id of the whole payment that this is an attempt at; what an invoice tells of it is laid over by this id. */
    paymentExternalId: text('payment_external_id'),
  },
  (table) => [
    uniqueIndex('transactions_source').on(table.venueId, table.sourceId),
    index('transactions_page').on(table.venueId, table.id),
    index('transactions_occurred').on(table.venueId, table.occurredAt),
    index('transactions_updated').on(table.venueId, table.updatedAt),
    index('transactions_customer_external')
      .on(table.venueId, table.customerExternalId)
      .where(isNotNull(table.customerExternalId)),
    index('transactions_related_external')
      .on(table.venueId, table.relatedExternalId)
      .where(isNotNull(table.relatedExternalId)),
    index('transactions_payment_external')
      .on(table.venueId, table.paymentExternalId)
      .where(isNotNull(table.paymentExternalId)),
    venuePolicy('transactions'),
  ],
);
