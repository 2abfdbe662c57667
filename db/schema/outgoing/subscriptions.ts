import { boolean, jsonb, pgTable, text, unique, uuid } from 'drizzle-orm/pg-core';
import type { SubscriptionId } from '../../../contracts/ids.ts';
import { DISABLED_REASONS, SUBSCRIPTION_STATES } from '../../../contracts/outgoing-webhooks.ts';
import type { OutgoingEventType } from '../../../contracts/outgoing-webhooks.ts';
import { instant, timestamps, venueId, venuePolicy } from '../columns.ts';
import { venues } from '../venues.ts';

/** Where a venue's backend receives the service's own events. */
export const subscriptions = pgTable(
  'subscriptions',
  {
    id: uuid('id').$type<SubscriptionId>().primaryKey(),
    venueId: venueId().references(() => venues.id),
    /** May hold a token of the receiver's: never log it. */
    url: text('url').notNull(),
    /** The types that it is told; null: all, also those of later versions. */
    types: jsonb('types').$type<readonly OutgoingEventType[]>(),
    description: text('description'),
    state: text('state', { enum: SUBSCRIPTION_STATES }).notNull().default('enabled'),
    disabledReason: text('disabled_reason', { enum: DISABLED_REASONS }),
    disabledAt: instant('disabled_at'),
    /** When the first attempt failed of those that have all failed since; null after a success. */
    failingSince: instant('failing_since'),
    /** The receiver has asked for no messages before this time. */
    restsUntil: instant('rests_until'),
    /** A workflow delivers its messages, or was told to begin. */
    awake: boolean('awake').notNull().default(false),
    wokenAt: instant('woken_at'),
    ...timestamps(),
  },
  (table) => [unique('subscriptions_venue').on(table.venueId, table.id), venuePolicy('subscriptions')],
);
