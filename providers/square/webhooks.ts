import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import { eventIdOf } from '../kit/webhook-definition.ts';
import type { WebhookDefinition } from '../kit/webhook-definition.ts';
import { environmentOf } from './settings.ts';
import type { SquareSettings } from './settings.ts';

/** https://developer.squareup.com/reference/square/webhooks/oauth.authorization.revoked, read 2026-11-21. */
const revokedSchema = z.object({ merchant_id: z.string().min(1) });
const eventSchema = z.object({ type: z.string(), event_id: z.unknown().optional() });

/** 32 bytes in base64. */
const SIGNATURE = /^[A-Za-z0-9+/]{43}=$/;

export const squareWebhooks: WebhookDefinition<SquareSettings> = {
  endpoint: 'app',
  secrets: 'webhookSignatureKey',
  isSigned: (header) => SIGNATURE.test(header('x-square-hmacsha256-signature') ?? ''),
  /**
   * HMAC-SHA256 over the registered address and the body, in base64
   * (https://developer.squareup.com/docs/webhooks/step3validate, read 2026-11-21). The SDK's `WebhooksHelper` (square
   * 46.0.0) is not used: it compares with `===`, whose duration depends on the first difference, and takes the body as
   * text. Tests hold both to the same answers. No time is signed: an event can be sent again at any time.
   */
  verify({ body, header, url }, signatureKey) {
    const expected = Buffer.from(createHmac('sha256', signatureKey.expose()).update(url).update(body).digest('base64'));
    const given = Buffer.from(header('x-square-hmacsha256-signature') ?? '');
    return given.length === expected.length && timingSafeEqual(given, expected);
  },
  identify(event) {
    const { data } = eventSchema.safeParse(event);
    return data ? { id: eventIdOf(data.event_id), type: data.type } : null;
  },
  events: {
    // A subscription belongs to the sandbox app or to the production app, and so does its key.
    'oauth.authorization.revoked': (event, settings) => {
      const { data } = revokedSchema.safeParse(event);
      return data
        ? { kind: 'revoked', environment: environmentOf(settings), externalAccountId: data.merchant_id }
        : null;
    },
  },
};
