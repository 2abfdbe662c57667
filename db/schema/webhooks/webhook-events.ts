import { sql } from 'drizzle-orm';
import { check, index, integer, jsonb, pgTable, smallint, text, unique, uuid } from 'drizzle-orm/pg-core';
import { WEBHOOK_EVENT_ORIGINS, WEBHOOK_EVENT_STATES } from '../../../contracts/inbox.ts';
import type { ConnectionId, WebhookEventId } from '../../../contracts/ids.ts';
import { ENVIRONMENTS } from '../../../contracts/providers.ts';
import type { ProviderId } from '../../../contracts/providers.ts';
import { bytes, instant } from '../columns.ts';

/**
 * Events of providers as they were received, each once. They belong to no venue, because several venues may have
 * connected the same account: `db/webhooks/venue-event-store.ts` decides which of them a venue sees.
 */
export const webhookEvents = pgTable(
  'webhook_events',
  {
    id: uuid('id').$type<WebhookEventId>().primaryKey(),
    provider: text('provider').$type<ProviderId>().notNull(),
    /** The address that it was sent to: `app` for the one of all accounts, else the id of the connection whose own it is. */
    endpoint: text('endpoint').notNull(),
    /** The provider's id of the event, or a hash of the body for an event without one. */
    eventKey: text('event_key').notNull(),
    /** The provider's name for the type of event. */
    type: text('type').notNull(),
    /** Of the account; both null when the event names none. */
    environment: text('environment', { enum: ENVIRONMENTS }),
    externalAccountId: text('external_account_id'),
    partition: smallint('partition').notNull(),
    /** The raw bytes; null once they have expired. May hold personal data. */
    body: bytes('body'),
    /** The headers that matter later, by lower-case name. Never a signature. */
    headers: jsonb('headers').$type<Readonly<Record<string, string>>>().notNull().default({}),
    receivedAt: instant('received_at').notNull().defaultNow(),
    state: text('state', { enum: WEBHOOK_EVENT_STATES }).notNull().default('waiting'),
    attempts: integer('attempts').notNull().default(0),
    /** When it is taken up, or taken up again. Never ahead of now(), which the column would round up. */
    dueAt: instant('due_at')
      .notNull()
      .default(sql`date_trunc('milliseconds', now())`),
    /** Why the last attempt failed. */
    errorCode: text('error_code'),
    origin: text('origin', { enum: WEBHOOK_EVENT_ORIGINS }).notNull().default('delivery'),
    /** The connections for which it is handled again, because they could not be used; null: for all to its account. */
    againFor: uuid('again_for').array().$type<readonly ConnectionId[]>(),
  },
  (table) => [
    unique('webhook_events_key').on(table.provider, table.endpoint, table.eventKey),
    check('webhook_events_account_whole', sql`(${table.environment} is null) = (${table.externalAccountId} is null)`),
    index('webhook_events_due')
      .on(table.partition, table.dueAt, table.id)
      .where(sql`state in ('waiting', 'retrying')`),
    index('webhook_events_account').on(table.provider, table.environment, table.externalAccountId, table.id),
    index('webhook_events_received').on(table.receivedAt),
    index('webhook_events_bodies')
      .on(table.receivedAt)
      .where(sql`body is not null and state in ('applied', 'ignored', 'dead')`),
    index('webhook_events_unfinished')
      .on(table.provider, table.state, table.receivedAt)
      .where(sql`state in ('dead', 'waiting-for-adapter')`),
  ],
);
