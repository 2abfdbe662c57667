import { sql } from 'drizzle-orm';
import { check, index, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { sealedSecret, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from './connections.ts';

/**
 * - `sent`: the code was sent to the provider or is about to be. Without an answer it is unknown whether it is used up.
 * - `failed`: the provider answered with an error that leaves the code usable, so it may be sent again.
 * - `granted`: `sealed_grant` is what the code brought.
 */
const EXCHANGE_STATES = ['sent', 'failed', 'granted'] as const;

/**
 * The exchange of one authorization code, from before it is sent until its grant is stored, because a code works only
 * once.
 */
export const authorizationExchanges = pgTable(
  'authorization_exchanges',
  {
    /** The workflow id of the attempt to connect. */
    attemptId: text('attempt_id').primaryKey(),
    venueId: venueId(),
    connectionId: uuid('connection_id').$type<ConnectionId>().notNull(),
    state: text('state', { enum: EXCHANGE_STATES }).notNull().default('sent'),
    sealedGrant: sealedSecret('sealed_grant'),
    ...timestamps(),
  },
  (table) => [
    check('authorization_exchanges_grant', sql`(${table.state} = 'granted') = (${table.sealedGrant} is not null)`),
    index('authorization_exchanges_connection').on(table.connectionId),
    venueReference('authorization_exchanges_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('authorization_exchanges'),
  ],
);
