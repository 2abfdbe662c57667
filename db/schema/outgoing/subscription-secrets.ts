import { index, pgTable, uuid } from 'drizzle-orm/pg-core';
import type { SubscriptionId } from '../../../contracts/ids.ts';
import { instant, sealedSecret, venueId, venuePolicy, venueReference } from '../columns.ts';
import { subscriptions } from './subscriptions.ts';

/** The secrets that sign a subscription's messages: the current one, and those before it until they expire. */
export const subscriptionSecrets = pgTable(
  'subscription_secrets',
  {
    id: uuid('id').primaryKey(),
    venueId: venueId(),
    subscriptionId: uuid('subscription_id').$type<SubscriptionId>().notNull(),
    sealedSecret: sealedSecret('sealed_secret').notNull(),
    /** Null for the current one. */
    expiresAt: instant('expires_at'),
    createdAt: instant('created_at').notNull().defaultNow(),
  },
  (table) => [
    index('subscription_secrets_subscription').on(table.subscriptionId, table.id),
    venueReference('subscription_secrets_subscription_fk', [table.venueId, table.subscriptionId], subscriptions),
    venuePolicy('subscription_secrets'),
  ],
);
