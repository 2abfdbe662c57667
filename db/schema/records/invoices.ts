import { isNotNull } from 'drizzle-orm';
import { bigint, index, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { INVOICE_STATUSES } from '../../../contracts/records.ts';
import type { InvoiceLine } from '../../../contracts/records.ts';
import { instant, recordEnvelope, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

const envelope = recordEnvelope();

export const invoices = pgTable(
  'invoices',
  {
    ...envelope,
    venueId: envelope.venueId.references(() => venues.id),
    number: text('number'),
    status: text('status', { enum: INVOICE_STATUSES }).notNull(),
    issuedAt: instant('issued_at'),
    dueAt: instant('due_at'),
    customerSourceId: text('customer_source_id'),
    currency: text('currency').notNull(),
    subtotalMinor: bigint('subtotal_minor', { mode: 'number' }),
    taxMinor: bigint('tax_minor', { mode: 'number' }),
    totalMinor: bigint('total_minor', { mode: 'number' }).notNull(),
    amountDueMinor: bigint('amount_due_minor', { mode: 'number' }),
    lines: jsonb('lines').$type<readonly InvoiceLine[]>().notNull().default([]),
    /** The provider's id of the customer, kept until our record of it is there. */
    customerExternalId: text('customer_external_id'),
  },
  (table) => [
    uniqueIndex('invoices_source').on(table.venueId, table.sourceId),
    index('invoices_page').on(table.venueId, table.id),
    index('invoices_updated').on(table.venueId, table.updatedAt),
    index('invoices_customer_external')
      .on(table.venueId, table.customerExternalId)
      .where(isNotNull(table.customerExternalId)),
    venuePolicy('invoices'),
  ],
);
