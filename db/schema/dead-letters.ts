import { sql } from 'drizzle-orm';
import { index, integer, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import { DEAD_LETTER_SOURCES, DEAD_LETTER_STATES } from '../../contracts/dead-letters.ts';
import type { DeadLetterFailure } from '../../contracts/dead-letters.ts';
import type { ConnectionId, DeadLetterId, RecordId } from '../../contracts/ids.ts';
import { DIRECTIONS } from '../../contracts/providers.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { instant, venueId, venuePolicy, venueReference } from './columns.ts';
import { connections } from './connections/connections.ts';

/**
 * What failed for good, one row for each failing thing however often it fails. Holds no payload: that of a record is the
 * venue's record, that of an event its stored body.
 */
export const deadLetters = pgTable(
  'dead_letters',
  {
    id: uuid('id').$type<DeadLetterId>().primaryKey(),
    venueId: venueId(),
    source: text('source', { enum: DEAD_LETTER_SOURCES }).notNull(),
    /** Names the failing thing among those of its source: see `db/dead-letters/dead-letters.ts`. */
    sourceKey: text('source_key').notNull(),
    provider: text('provider').$type<ProviderId>(),
    connectionId: uuid('connection_id').$type<ConnectionId>(),
    resource: text('resource'),
    /** Of the sync in which a record failed. */
    direction: text('direction', { enum: DIRECTIONS }),
    recordId: uuid('record_id').$type<RecordId>(),
    /** The provider's id of the object. */
    externalId: text('external_id'),
    /** Of the record when its push failed. */
    recordVersion: integer('record_version'),
    /** Why it failed last. */
    code: text('code').notNull(),
    /** Names fields and rules, never values. */
    message: text('message').notNull(),
    state: text('state', { enum: DEAD_LETTER_STATES }).notNull().default('open'),
    attempts: integer('attempts').notNull().default(1),
    /** The latest failures, oldest first. */
    history: jsonb('history').$type<readonly DeadLetterFailure[]>().notNull(),
    firstFailedAt: instant('first_failed_at').notNull().defaultNow(),
    lastFailedAt: instant('last_failed_at').notNull().defaultNow(),
    /** When the last retry was asked for. */
    retriedAt: instant('retried_at'),
    /** When it was resolved or discarded. */
    closedAt: instant('closed_at'),
    discardedBy: text('discarded_by'),
    discardReason: text('discard_reason'),
  },
  (table) => [
    unique('dead_letters_key').on(table.venueId, table.source, table.sourceKey),
    index('dead_letters_page').on(table.venueId, table.id),
    // Groups, and the number of unsettled entries of a resource.
    index('dead_letters_unsettled')
      .on(table.venueId, table.connectionId, table.resource, table.state)
      .where(sql`state in ('open', 'retrying')`),
    // An event that is applied settles its entries in every venue.
    index('dead_letters_events')
      .on(table.sourceKey)
      .where(sql`source = 'event' and state in ('open', 'retrying')`),
    index('dead_letters_connection').on(table.connectionId),
    // Retention removes the oldest settled ones.
    index('dead_letters_closed')
      .on(table.closedAt)
      .where(sql`closed_at is not null`),
    venueReference('dead_letters_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('dead_letters'),
  ],
);
