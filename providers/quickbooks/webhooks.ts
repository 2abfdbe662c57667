import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { changedBy, eventIdOf, eventTypeSchema } from '../kit/webhook-definition.ts';
import type { WebhookDefinition, WebhookEvent } from '../kit/webhook-definition.ts';
import { CHANGE_EVENTS, quickbooksChangesIn } from './event-changes.ts';
import type { QuickBooksSettings } from './settings.ts';

const realmSchema = z.string().regex(/^\d{1,30}$/);

/**
 * A list of CloudEvents, mandatory since 2026
 * (https://blogs.intuit.com/2025/11/12/upcoming-change-to-webhooks-payload-structure/, read 2026-11-28).
 */
const cloudEventSchema = z.object({
  type: eventTypeSchema,
  id: z.unknown().optional(),
  intuitaccountid: realmSchema.optional().catch(undefined),
});

/**
 * The earlier format
 * (https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/managing-webhooks-notifications, read
 * 2026-11-28). It has no event id: realm, entity, operation and time together are as good as one.
 */
const legacySchema = z.object({ eventNotifications: z.array(z.unknown()) });
const notificationSchema = z.object({
  realmId: realmSchema.optional().catch(undefined),
  dataChangeEvent: z.object({ entities: z.array(z.unknown()) }),
});
const entitySchema = z.object({ name: z.string().min(1).max(100), operation: z.string().min(1).max(100) });

/** 32 bytes in base64. */
const SIGNATURE = /^[A-Za-z0-9+/]{43}=$/;

/** Type of a part of a delivery that cannot be read. */
const UNKNOWN = 'unknown';

export const quickbooksWebhooks: WebhookDefinition<QuickBooksSettings> = {
  secrets: 'webhookToken',
  signature: {
    isSigned: (header) => SIGNATURE.test(header('intuit-signature') ?? ''),
    /**
     * HMAC-SHA256 of the body with the verifier token, in base64
     * (https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks/managing-webhooks-notifications, read
     * 2026-11-28). No time is signed: an event can be sent again at any time.
     */
    verify({ body, header }, token) {
      const expected = Buffer.from(createHmac('sha256', token.expose()).update(body).digest('base64'));
      const given = Buffer.from(header('intuit-signature') ?? '');
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  },
  split(delivery) {
    if (Array.isArray(delivery)) return delivery.map((event: unknown) => [event]);
    return legacySchema.safeParse(delivery).data?.eventNotifications.flatMap(splitNotification) ?? null;
  },
  // Never null, so that one part which nobody knows refuses no delivery: Intuit would hold back the later events of
  // every company of the app (https://github.com/ballerina-platform/ballerina-library/issues/9079, read 2026-11-28).
  identify: (delivery, { sandbox }) =>
    (Array.isArray(delivery) ? readCloudEvent(delivery[0], sandbox) : readNotification(delivery, sandbox)) ?? {
      id: null,
      type: UNKNOWN,
      account: null,
    },
  // An access that is taken back shows at the next refresh: Intuit sends no event of it.
  events: changedBy(CHANGE_EVENTS),
  changesIn: quickbooksChangesIn,
  hasExactVersions: true,
};

/** A notification is about one company and any number of its entities. */
function splitNotification(notification: unknown): readonly unknown[] {
  const { data } = notificationSchema.safeParse(notification);
  if (!data) return [{ eventNotifications: [notification] }];
  const { realmId, dataChangeEvent } = data;
  return dataChangeEvent.entities.map((entity) => ({
    eventNotifications: [{ realmId, dataChangeEvent: { entities: [entity] } }],
  }));
}

function readCloudEvent(event: unknown, sandbox: boolean): WebhookEvent | null {
  const { data } = cloudEventSchema.safeParse(event);
  return data ? { id: eventIdOf(data.id), type: data.type, account: accountOf(data.intuitaccountid, sandbox) } : null;
}

function readNotification(delivery: unknown, sandbox: boolean): WebhookEvent | null {
  const notification = notificationSchema.safeParse(legacySchema.safeParse(delivery).data?.eventNotifications[0]).data;
  const entity = entitySchema.safeParse(notification?.dataChangeEvent.entities[0]).data;
  return entity
    ? { id: null, type: `${entity.name}.${entity.operation}`, account: accountOf(notification?.realmId, sandbox) }
    : null;
}

/** A verifier token belongs to the development or to the production keys of an app, and so does what it signs. */
const accountOf = (realm: string | undefined, sandbox: boolean): WebhookEvent['account'] =>
  realm === undefined ? null : { environment: sandbox ? 'sandbox' : 'production', externalAccountId: realm };
