import { integer, pgTable, uuid } from 'drizzle-orm/pg-core';
import type { ConnectionId } from '../../contracts/ids.ts';
import { instant, sealedSecret, timestamps, venueId, venuePolicy } from './columns.ts';
import { connections } from './connections.ts';

/** An OAuth grant's tokens, sealed together. `generation` grows with every refresh and fences a late writer. */
export const oauthTokens = pgTable(
  'oauth_tokens',
  {
    connectionId: uuid('connection_id').$type<ConnectionId>().primaryKey().references(() => connections.id, { onDelete: 'cascade' }),
    venueId: venueId(),
    sealedTokens: sealedSecret('sealed_tokens').notNull(),
    generation: integer('generation').notNull().default(1),
    accessExpiresAt: instant('access_expires_at'),
    refreshExpiresAt: instant('refresh_expires_at'),
    ...timestamps(),
  },
  () => [venuePolicy('oauth_tokens')],
);
