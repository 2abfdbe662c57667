import { sql } from 'drizzle-orm';
import { index, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { WEBHOOK_EFFECTS } from '../../../contracts/inbox.ts';
import type { ConnectionId, RecordId, WebhookEventId } from '../../../contracts/ids.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';
import { webhookEvents } from './webhook-events.ts';

/** What an event did for a venue's connection. */
export const webhookEventEffects = pgTable(
  'webhook_event_effects',
  {
    eventId: uuid('event_id')
      .$type<WebhookEventId>()
      .notNull()
      .references(() => webhookEvents.id, { onDelete: 'cascade' }),
    venueId: venueId(),
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    kind: text('kind', { enum: WEBHOOK_EFFECTS }).notNull(),
    /** Null for an effect that is on no record. */
    resource: text('resource'),
    /** Null where the event led to no record of the venue's. */
    recordId: uuid('record_id').$type<RecordId>(),
    /** Why nothing was changed. */
    reason: text('reason'),
    /** When it did so last. */
    at: instant('at').notNull().defaultNow(),
  },
  (table) => [
    // An event that is handled again adds nothing that is there already.
    unique('webhook_event_effects_once')
      .on(table.eventId, table.connectionId, table.kind, table.resource, table.recordId, table.reason)
      .nullsNotDistinct(),
    index('webhook_event_effects_connection').on(table.venueId, table.connectionId),
    index('webhook_event_effects_deleted')
      .on(table.connectionId, table.resource, table.at)
      .where(sql`kind = 'deleted'`),
    index('webhook_event_effects_held')
      .on(table.connectionId, table.resource, table.at)
      .where(sql`reason = 'many-deletions'`),
    index('webhook_event_effects_missed')
      .on(table.connectionId, table.eventId)
      .where(sql`reason in ('suspended', 'needs-reauth')`),
    venueReference('webhook_event_effects_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('webhook_event_effects'),
  ],
);
