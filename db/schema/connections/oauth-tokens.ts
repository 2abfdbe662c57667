import { index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { instant, sealedSecret, timestamps, venueId, venuePolicy, venueReference } from '../columns.ts';
import { connections } from './connections.ts';

/** An OAuth grant's tokens, sealed together. `generation` grows with every refresh and fences a late writer. */
export const oauthTokens = pgTable(
  'oauth_tokens',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().primaryKey(),
    venueId: venueId(),
    sealedTokens: sealedSecret('sealed_tokens').notNull(),
    generation: integer('generation').notNull().default(1),
    /** All times are by the database's clock: workers' clocks differ. */
    obtainedAt: instant('obtained_at').notNull().defaultNow(),
    accessExpiresAt: instant('access_expires_at'),
    /** When the refresh token dies if it is not used. */
    refreshExpiresAt: instant('refresh_expires_at'),
    /** When the grant dies however much it is used. */
    hardExpiresAt: instant('refresh_hard_expires_at'),
    /** A refresh of this generation was begun then, and its answer has not been stored. */
    refreshSentAt: instant('refresh_sent_at'),
    /** The process that refreshes the grant or did so last, as Temporal names it. For people to read: the fence decides. */
    refreshHolder: text('refresh_holder'),
    /** No other process refreshes the grant before this moment. Null: none is at work. */
    refreshUntil: instant('refresh_until'),
    /** Grows with every lease, and so fences a holder that is slower than its lease. */
    refreshFence: integer('refresh_fence').notNull().default(0),
    /** The attempt to connect that brought the grant: a repeated exchange finds by it that the first one came to its end. */
    authorizedBy: text('authorized_by'),
    /** Checks of the grant that have begun after word of a revocation. */
    accessChecks: integer('access_checks').notNull().default(0),
    /** How many had begun when the last signal that asks for one was sent; null: none was sent for this grant. */
    accessCheckSignalled: integer('access_check_signalled'),
    accessCheckSignalledAt: instant('access_check_signalled_at'),
    ...timestamps(),
  },
  (table) => [
    uniqueIndex('oauth_tokens_attempt').on(table.authorizedBy),
    index('oauth_tokens_venue').on(table.venueId, table.connectionId),
    venueReference('oauth_tokens_connection_fk', [table.venueId, table.connectionId], connections),
    venuePolicy('oauth_tokens'),
  ],
);
