import { index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId, ReportAnswerId } from '../../contracts/ids.ts';
import type { ProviderReport } from '../../contracts/reports.ts';
import { instant, venueId, venuePolicy, venueReference } from './columns.ts';
import { connections } from './connections/connections.ts';

/**
 * Reports on their way from the worker that read them to the API that answers with them. Rows live for minutes: they hold
 * what customers are called by, and a provider's report is read again whenever somebody asks.
 */
export const reportAnswers = pgTable(
  'report_answers',
  {
    id: uuid('id').$type<ReportAnswerId>().primaryKey(),
    venueId: venueId(),
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    report: text('report').notNull(),
    content: jsonb('content').$type<ProviderReport>().notNull(),
    readAt: instant('read_at').notNull().defaultNow(),
    expiresAt: instant('expires_at').notNull(),
  },
  (table) => [
    index('report_answers_connection').on(table.connectionId),
    index('report_answers_expiry').on(table.expiresAt),
    venueReference('report_answers_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('report_answers'),
  ],
);
