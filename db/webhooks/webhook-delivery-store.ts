import { and, eq, lte, sql } from 'drizzle-orm';
import type { ProviderId } from '../../contracts/providers.ts';
import { webhookDeliveries } from '../schema/webhook-deliveries.ts';
import type { Database } from '../core/venue-scope.ts';

/** Square signs no time, so that a delivery can be sent again long after: https://developer.squareup.com/docs/webhooks/step3validate (read 2026-11-21). */
const REMEMBERED_DAYS = 90;

export interface WebhookDelivery {
  readonly provider: ProviderId;
  readonly eventId: string;
}

export interface WebhookDeliveryStore {
  /** Whether this event has had its effect. */
  isKnown(delivery: WebhookDelivery): Promise<boolean>;
  /** After the effect: an event whose process dies in between is sent again and has it again, which does no harm. */
  remember(delivery: WebhookDelivery): Promise<void>;
  deleteExpired(): Promise<number>;
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
    async deleteExpired() {
      const { count } = await db
        .delete(webhookDeliveries)
        .where(lte(webhookDeliveries.receivedAt, sql`now() - ${REMEMBERED_DAYS}::integer * interval '1 day'`));
      return count;
    },
  };
}
