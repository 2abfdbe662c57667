import { and, eq, sql } from 'drizzle-orm';
import type { ProviderId } from '../../contracts/providers.ts';
import { webhookDeliveries } from '../schema/webhook-deliveries.ts';
import type { Database } from '../core/venue-scope.ts';

export interface WebhookDelivery {
  readonly provider: ProviderId;
  readonly eventId: string;
}

export interface WebhookDeliveryStore {
  /** Whether this event was processed. */
  isKnown(delivery: WebhookDelivery): Promise<boolean>;
  /**
   * Called after the effect: if the process dies in between, the event is sent and processed again, which is harmless.
   */
  remember(delivery: WebhookDelivery): Promise<void>;
}

export function createWebhookDeliveryStore(db: Database): WebhookDeliveryStore {
  return {
    async isKnown({ provider, eventId }) {
      const rows = await db
        .select({ one: sql`1` })
        .from(webhookDeliveries)
        .where(and(eq(webhookDeliveries.provider, provider), eq(webhookDeliveries.eventId, eventId)));
      return rows.length > 0;
    },
    async remember(delivery) {
      await db.insert(webhookDeliveries).values(delivery).onConflictDoNothing();
    },
  };
}
