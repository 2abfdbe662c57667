import { index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { instant, venueId, venuePolicy } from './columns.ts';

/** What was done to a venue, by whom, and with which outcome. Never holds a secret or customers' personal data. */
export const auditLog = pgTable(
  'audit_log',
  {
    id: uuid('id').primaryKey(),
    venueId: venueId(),
    at: instant('at').notNull().defaultNow(),
    /** `sub` of the caller's token, or the name of a workflow. */
    actor: text('actor').notNull(),
    /** `venue.created`, `connection.connected`, `sync.started` … */
    action: text('action').notNull(),
    targetType: text('target_type').notNull(),
    targetId: text('target_id').notNull(),
    outcome: text('outcome', { enum: ['ok', 'refused', 'failed'] }).notNull(),
    requestId: text('request_id'),
    details: jsonb('details').$type<Readonly<Record<string, string | number | boolean | null>>>().notNull().default({}),
  },
  (table) => [index('audit_log_venue').on(table.venueId, table.id), venuePolicy('audit_log')],
);
