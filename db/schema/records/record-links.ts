import { isNotNull, sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import type { ConnectionId, RecordId, SyncId } from '../../../contracts/ids.ts';
import { LINK_STATES } from '../../../contracts/records.ts';
import type { RecordNote } from '../../../contracts/records.ts';
import { instant, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from '../connections/connections.ts';

/** Ties a record to its remote record and stores what was last agreed. */
export const recordLinks = pgTable(
  'record_links',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    resource: text('resource').notNull(),
    recordId: uuid('record_id').$type<RecordId>().notNull(),
    venueId: venueId(),
    /** Null while the outcome of the first write is unknown. */
    externalId: text('external_id'),
    /**
     * The provider's version as a growing number: for Stripe the time of the reading or event in ms. For a link that is
     * gone, the version of the deletion.
     */
    externalVersion: bigint('external_version', { mode: 'number' }).notNull().default(0),
    /** The record's version that was last agreed. */
    recordVersion: integer('record_version').notNull().default(0),
    /** SHA-256 of the provider payload that was last agreed; null when nothing was. */
    fingerprint: text('fingerprint'),
    /**
     * SHA-256 of the provider's object as last read or written, mapped as for a push. Null where it equals
     * `fingerprint`. It differs where the provider rewrites what it is sent, and while a change waits to be written.
     */
    remoteFingerprint: text('remote_fingerprint'),
    /** The version of the field mapping under which the record was last read or written; 0 for the defaults. */
    mappingVersion: integer('mapping_version').notNull().default(0),
    /** Metadata keys that were last agreed: a key that has left the record must be cleared at the provider by name. */
    metadataKeys: text('metadata_keys').array().notNull().default([]),
    /**
     * What the next write has to know about the remote record, in the provider's terms, such as its current price; null
     * when there is nothing.
     */
    externalState: jsonb('external_state').$type<Readonly<Record<string, string | number>>>(),
    /** What the last write could not carry over or left behind at the provider; null before any write. */
    notes: jsonb('notes').$type<readonly RecordNote[]>(),
    state: text('state', { enum: LINK_STATES }).notNull(),
    /** A pull of this connection created the record, so it is deleted together with the connection's records. */
    brought: boolean('brought').notNull().default(false),
    /** Grows when an idempotency key may not be used again. Part of the next key. */
    writeAttempt: integer('write_attempt').notNull().default(0),
    /** How often a write was refused. Part of the next key, because the provider may keep a refusal under the last one. */
    refusals: integer('refusals').notNull().default(0),
    /**
     * The idempotency key of the batch that a first write of unknown outcome was sent in: a batch is only repeated whole.
     * Null where it was sent alone or not at all.
     */
    batchKey: text('batch_key'),
    /**
     * The record's version when the first update since the last agreement was about to be sent. While set, the remote
     * record may be as last agreed, as of this or a later version, or in between. Null when no update was sent since.
     */
    sentVersion: integer('sent_version'),
    /** When that update was sent. Its idempotency key is forgotten a day later. */
    sentAt: instant('sent_at'),
    /** The run that last wrote this row, so that a resumed page does not count its records twice. */
    lastSyncId: uuid('last_sync_id').$type<SyncId>(),
    /** The run whose push last wrote this row: a two-way run reads a record before it pushes it. */
    lastPushId: uuid('last_push_id').$type<SyncId>(),
    syncedAt: instant('synced_at'),
    ...timestamps(),
  },
  (table) => [
    // The record comes first: on tables that Postgres has not analysed yet, the planner would otherwise use this index
    // for a lookup by the provider's id and read all links of the connection for each.
    primaryKey({ name: 'record_links_pk', columns: [table.recordId, table.connectionId, table.resource] }),
    // Partial, so that the planner never uses it for a lookup by record.
    uniqueIndex('record_links_external')
      .on(table.connectionId, table.resource, table.externalId)
      .where(isNotNull(table.externalId)),
    // The predicate always holds. Only list queries repeat it, so that no lookup by external id uses this index.
    index('record_links_listing')
      .on(table.connectionId, table.resource, table.recordId)
      .where(sql`write_attempt >= 0`),
    // Creations whose answers are not stored yet.
    index('record_links_pending')
      .on(table.connectionId, table.resource, table.updatedAt)
      .where(sql`state = 'pending'`),
    venueReference('record_links_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('record_links'),
  ],
);
