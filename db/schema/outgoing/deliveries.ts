import { sql } from 'drizzle-orm';
import { check, index, integer, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core';
import type { MessageId, SubscriptionId } from '../../../contracts/ids.ts';
import { DELIVERY_ERRORS, DELIVERY_STATES } from '../../../contracts/outgoing-webhooks.ts';
import { instant, venueId, venuePolicy, venueReference } from '../columns.ts';
import { outgoingMessages } from './outgoing-messages.ts';
import { subscriptions } from './subscriptions.ts';

/** A message on its way to one subscription. Nothing of a receiver's answer is stored but its status. */
export const deliveries = pgTable(
  'deliveries',
  {
    subscriptionId: uuid('subscription_id').$type<SubscriptionId>().notNull(),
    messageId: uuid('message_id').$type<MessageId>().notNull(),
    venueId: venueId(),
    state: text('state', { enum: DELIVERY_STATES }).notNull().default('pending'),
    attempts: integer('attempts').notNull().default(0),
    lastStatus: integer('last_status'),
    lastError: text('last_error', { enum: DELIVERY_ERRORS }),
    lastAttemptAt: instant('last_attempt_at'),
    nextAttemptAt: instant('next_attempt_at'),
  },
  (table) => [
    primaryKey({ columns: [table.subscriptionId, table.messageId] }),
    check('deliveries_pending', sql`(${table.state} = 'pending') = (${table.nextAttemptAt} is not null)`),
    index('deliveries_due')
      .on(table.subscriptionId, table.nextAttemptAt)
      .where(sql`state = 'pending'`),
    index('deliveries_message').on(table.messageId),
    venueReference('deliveries_subscription_fk', [table.venueId, table.subscriptionId], subscriptions),
    venueReference('deliveries_message_fk', [table.venueId, table.messageId], outgoingMessages),
    venuePolicy('deliveries'),
  ],
);
