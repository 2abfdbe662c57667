import { sql } from 'drizzle-orm';
import { check, index, jsonb, pgTable, text, unique, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import type { DisconnectRequest } from '../../../contracts/connections.ts';
import type { ConnectionId } from '../../../contracts/ids.ts';
import { CONNECTION_STATES, ENVIRONMENTS, OAUTH_FLOWS } from '../../../contracts/providers.ts';
import type { ProviderId, Resource } from '../../../contracts/providers.ts';
import type { ListedAccount } from '../../../domain/grants/account-choice.ts';
import { instant, timestamps, venueId, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

/** A venue's access to one provider account. Its credentials are in `venue_api_keys` or `oauth_tokens`, sealed. */
export const connections = pgTable(
  'connections',
  {
    id: uuid('id').$type<ConnectionId>().primaryKey(),
    venueId: venueId().references(() => venues.id),
    provider: text('provider').$type<ProviderId>().notNull(),
    environment: text('environment', { enum: ENVIRONMENTS }).notNull(),
    state: text('state', { enum: CONNECTION_STATES }).notNull(),
    /** Why the connection is not simply active; null when it is. */
    cause: text('cause'),
    stateSince: instant('state_since').notNull().defaultNow(),
    /** What a person should do next; null when nothing. */
    nextAction: text('next_action'),
    /** Null until the account owner has approved. */
    externalAccountId: text('external_account_id'),
    accountName: text('account_name'),
    /** How the account owner grants access; null for a connection with a key. */
    flow: text('flow', { enum: OAUTH_FLOWS }),
    scopes: jsonb('scopes').$type<readonly string[]>().notNull().default([]),
    /** When the credentials expire unless a person acts; null for never. */
    expiresAt: instant('expires_at'),
    nextRefreshAt: instant('next_refresh_at'),
    /** Accounts that its grant opens, such as locations, as the provider listed them last; null: never listed. */
    listedAccounts: jsonb('listed_accounts').$type<readonly ListedAccount[]>(),
    accountsListedAt: instant('accounts_listed_at'),
    /** Ids of those that are synced; null: all. */
    chosenAccounts: jsonb('chosen_accounts').$type<readonly string[]>(),
    /**
     * Resources that have had their default schedule: a schedule that is missing since then was deleted by a person.
     */
    scheduledResources: jsonb('scheduled_resources').$type<readonly Resource[]>().notNull().default([]),
    /** Resources that have a schedule in Temporal, or are about to get one: they count against the venue's cap. */
    liveSchedules: jsonb('live_schedules').$type<readonly Resource[]>().notNull().default([]),
    /** What its disconnection was asked for, so that it can be taken up again; null: it has never been disconnected. */
    disconnectRequest: jsonb('disconnect_request').$type<DisconnectRequest>(),
    ...timestamps(),
  },
  (table) => [
    // Reconnecting the same account updates its row instead of adding a second one.
    uniqueIndex('connections_account').on(table.venueId, table.provider, table.environment, table.externalAccountId),
    check(
      'connections_account_known',
      sql`${table.externalAccountId} is not null or ${table.state} in ('connecting', 'disconnected')`,
    ),
    // For finding other venues' connections to the same account.
    index('connections_account_anywhere').on(table.provider, table.environment, table.externalAccountId),
    unique('connections_venue').on(table.venueId, table.id),
    // For removing connections that were never approved.
    index('connections_unapproved')
      .on(table.stateSince)
      .where(sql`external_account_id is null`),
    venuePolicy('connections'),
  ],
);
