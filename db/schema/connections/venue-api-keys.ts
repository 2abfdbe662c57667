import { index, integer, jsonb, pgTable, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { sealedSecret, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from './connections.ts';

/**
 * Credentials that a venue entered, such as a secret key, with their secret part sealed. `generation` grows with every
 * re-entry.
 */
export const venueApiKeys = pgTable(
  'venue_api_keys',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().primaryKey(),
    venueId: venueId(),
    sealedKey: sealedSecret('sealed_key').notNull(),
    /** The non-secret fields of credentials with several fields; null when there is just a secret key. */
    fields: jsonb('fields').$type<Readonly<Record<string, string>>>(),
    generation: integer('generation').notNull().default(1),
    ...timestamps(),
  },
  (table) => [
    index('venue_api_keys_venue').on(table.venueId, table.connectionId),
    venueReference('venue_api_keys_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('venue_api_keys'),
  ],
);
