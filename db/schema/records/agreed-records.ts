import { index, jsonb, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId, RecordId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/**
 * The version of a record that both sides of a link agreed on, as far as the record does not show it. Written when the
 * venue changes an agreed record of a two-way sync, or when the provider rewrites what it is sent; removed when both
 * sides agree again and hold the same.
 */
export const agreedRecords = pgTable(
  'agreed_records',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    recordId: uuid('record_id').$type<RecordId>().notNull(),
    venueId: venueId(),
    /** The venue's fields when both sides agreed; null while the record still has them. */
    venue: jsonb('venue').$type<Readonly<Record<string, unknown>>>(),
    /** The provider's fields where they differ from the venue's; null when they differ nowhere. */
    provider: jsonb('provider').$type<Readonly<Record<string, unknown>>>(),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ name: 'agreed_records_pk', columns: [table.recordId, table.connectionId, table.resource] }),
    index('agreed_records_connection').on(table.connectionId),
    venueReference('agreed_records_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('agreed_records'),
  ],
);
