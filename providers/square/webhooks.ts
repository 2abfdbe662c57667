import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { accountIdSchema, changedBy, eventIdOf, eventTypeSchema } from '../kit/webhook-definition.ts';
import type { WebhookDefinition } from '../kit/webhook-definition.ts';
import { CHANGE_EVENTS, squareChangesIn } from './event-changes.ts';
import { environmentOf } from './settings.ts';
import type { SquareSettings } from './settings.ts';

const eventSchema = z.object({ type: eventTypeSchema, event_id: z.unknown().optional() });
const accountSchema = z.object({ merchant_id: accountIdSchema });

/** 32 bytes in base64. */
const SIGNATURE = /^[A-Za-z0-9+/]{43}=$/;

export const squareWebhooks: WebhookDefinition<SquareSettings> = {
  secrets: 'webhookSignatureKey',
  signature: {
    isSigned: (header) => SIGNATURE.test(header('x-square-hmacsha256-signature') ?? ''),
    /**
     * HMAC-SHA256 over the registered address and the body, in base64
     * (https://developer.squareup.com/docs/webhooks/step3validate, read 2026-11-21). The SDK's `WebhooksHelper` (square
     * 46.0.0) is not used: it compares with `===`, whose duration depends on the first difference, and takes the body as
     * text. Tests hold both to the same answers. No time is signed: an event can be sent again at any time.
     */
    verify({ body, header, url }, signatureKey) {
      const expected = Buffer.from(
        createHmac('sha256', signatureKey.expose()).update(url).update(body).digest('base64'),
      );
      const given = Buffer.from(header('x-square-hmacsha256-signature') ?? '');
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
  },
  // https://developer.squareup.com/docs/webhooks/troubleshooting, read 2026-11-21.
  keptHeaders: ['square-retry-number', 'square-retry-reason', 'square-initial-delivery-timestamp'],
  // A subscription belongs to the sandbox app or to the production app, and so does its key.
  identify(event, settings) {
    const { data } = eventSchema.safeParse(event);
    if (!data) return null;
    const { data: whose } = accountSchema.safeParse(event);
    return {
      id: eventIdOf(data.event_id),
      type: data.type,
      account: whose ? { environment: environmentOf(settings), externalAccountId: whose.merchant_id } : null,
    };
  },
  // https://developer.squareup.com/reference/square/webhooks/oauth.authorization.revoked, read 2026-11-21.
  events: { 'oauth.authorization.revoked': 'revoked', ...changedBy(CHANGE_EVENTS) },
  changesIn: squareChangesIn,
  hasExactVersions: true,
};
