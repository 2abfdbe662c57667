import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { accountIdSchema, changedBy } from '../kit/webhook-definition.ts';
import type { EventChange, WebhookDefinition } from '../kit/webhook-definition.ts';
import { ENVIRONMENT } from './organisation.ts';
import type { XeroSettings } from './settings.ts';
import { externalIdOf } from './transactions/transactions.ts';

/**
 * A delivery of events of any organisation. A check of the address has none, and its sequences are 0, which the published
 * schema does not allow (https://developer.xero.com/documentation/webhooks/configuring-your-server, read 2026-11-29).
 */
const deliverySchema = z.object({ events: z.array(z.unknown()), firstEventSequence: z.int().min(0) });

/** One event, with its number in the sequence of the app, which makes it unlike any other. */
const partSchema = z.object({ event: z.unknown(), sequence: z.int() });

const eventSchema = z.object({
  resourceId: z.string().min(1).max(100),
  eventCategory: z.string().min(1).max(100),
  eventType: z.string().min(1).max(100),
  tenantId: accountIdSchema,
});

const sameId = (id: string): string => id;

/** What each category tells of. Xero tells nothing of payments, items and bank transactions. */
const RESOURCES: Readonly<Record<string, { readonly resource: string; readonly idOf: (id: string) => string }>> = {
  CONTACT: { resource: 'customers', idOf: sameId },
  // Also of a bill, which is read and left.
  INVOICE: { resource: 'invoices', idOf: sameId },
  CREDITNOTE: { resource: 'transactions', idOf: (id) => externalIdOf('CreditNotes', id) },
};

/** 32 bytes in base64. */
const SIGNATURE = /^[A-Za-z0-9+/]{43}=$/;

/** Type of a part of a delivery that cannot be read. */
const UNKNOWN = 'unknown';

export const xeroWebhooks: WebhookDefinition<XeroSettings> = {
  secrets: 'webhookKey',
  // "Empty response body" (https://developer.xero.com/documentation/webhooks/configuring-your-server, read 2026-11-29).
  answersWithoutBody: true,
  signature: {
    isSigned: (header) => SIGNATURE.test(header('x-xero-signature') ?? ''),
    /**
     * HMAC-SHA256 of the body with the key, in base64
     * (https://developer.xero.com/documentation/webhooks/configuring-your-server, read 2026-11-29). No time is signed: an
     * event can be sent again at any time.
     */
    verify({ body, header }, key) {
      const expected = Buffer.from(createHmac('sha256', key.expose()).update(body).digest('base64'));
      const given = Buffer.from(header('x-xero-signature') ?? '');
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  },
  split(delivery) {
    const { data } = deliverySchema.safeParse(delivery);
    return data?.events.map((event, index) => ({ event, sequence: data.firstEventSequence + index })) ?? null;
  },
  // Never null, so that one part which nobody knows refuses no delivery: Xero would send all of it for a day, and then
  // nothing more.
  identify(part) {
    const { data } = partSchema.safeParse(part);
    const { data: event } = eventSchema.safeParse(data?.event);
    if (!event) return { id: null, type: UNKNOWN, account: null };
    return {
      id: null,
      type: `${event.eventCategory}.${event.eventType}`,
      account: { environment: ENVIRONMENT, externalAccountId: event.tenantId },
    };
  },
  events: changedBy(Object.keys(RESOURCES).flatMap((category) => [`${category}.CREATE`, `${category}.UPDATE`])),
  changesIn: (part) => {
    const { data } = partSchema.safeParse(part);
    const { data: event } = eventSchema.safeParse(data?.event);
    return event ? changesOf(event) : [];
  },
  hasExactVersions: true,
};

/** An event names an object and says nothing of it, so it is read again. */
function changesOf({ eventCategory, resourceId }: z.output<typeof eventSchema>): readonly EventChange[] {
  const told = Object.hasOwn(RESOURCES, eventCategory) ? RESOURCES[eventCategory] : undefined;
  return told ? [{ resource: told.resource, says: 'refetch', externalId: told.idOf(resourceId) }] : [];
}
