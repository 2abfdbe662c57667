import { sql } from 'drizzle-orm';
import { jsonb, pgTable, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { MessageId } from '../../../contracts/ids.ts';
import { OUTGOING_EVENT_TYPES } from '../../../contracts/outgoing-webhooks.ts';
import { instant, venueId, venuePolicy } from '../columns.ts';

/** The outbox: what a venue's subscribers are told, written in the transaction of what it tells of. */
export const outgoingMessages = pgTable(
  'outgoing_messages',
  {
    id: uuid('id').$type<MessageId>().primaryKey(),
    venueId: venueId(),
    type: text('type', { enum: OUTGOING_EVENT_TYPES }).notNull(),
    /** Ids, paths and counts; never personal data. */
    data: jsonb('data').$type<Readonly<Record<string, unknown>>>().notNull(),
    /** Further events with this key are added to the message until it is sent. */
    digestKey: text('digest_key'),
    occurredAt: instant('occurred_at').notNull().defaultNow(),
  },
  (table) => [
    unique('outgoing_messages_venue').on(table.venueId, table.id),
    uniqueIndex('outgoing_messages_digest')
      .on(table.venueId, table.digestKey)
      .where(sql`digest_key is not null`),
    venuePolicy('outgoing_messages'),
  ],
);
