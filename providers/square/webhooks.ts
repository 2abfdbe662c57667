import { createHmac, timingSafeEqual } from 'node:crypto';
import { z } from 'zod';
import type { Environment } from '../../contracts/providers.ts';
import type { Secret } from '../../vault/secret.ts';
import { eventIdOf } from '../webhooks.ts';
import type { WebhookReader, WebhookSetup } from '../webhooks.ts';

/** https://developer.squareup.com/reference/square/webhooks/oauth.authorization.revoked, read 2026-11-21. */
const REVOKED = 'oauth.authorization.revoked';

const revokedSchema = z.object({ merchant_id: z.string().min(1) });
const eventSchema = z.object({ type: z.string(), event_id: z.unknown().optional() });

/** 32 bytes in base64. */
const SIGNATURE = /^[A-Za-z0-9+/]{43}=$/;

/** `environment`: a subscription belongs to the sandbox app or to the production one, and so does its key. */
export function squareWebhooks(signatureKey: Secret | null, environment: Environment): WebhookSetup {
  return {
    provider: 'square',
    variable: 'SQUARE_WEBHOOK_SIGNATURE_KEY',
    reader: signatureKey && readerOf(signatureKey, environment),
  };
}

function readerOf(signatureKey: Secret, environment: Environment): WebhookReader {
  return {
    isSigned: (header) => SIGNATURE.test(header('x-square-hmacsha256-signature') ?? ''),
    /**
     * HMAC-SHA256 over the registered address and the body, in base64 (https://developer.squareup.com/docs/webhooks/step3validate, read
     * 2026-11-21). Not by the SDK's `WebhooksHelper` (square 46.0.0): it compares with `===`, which tells by its time how much was right,
     * and takes the body as text. Tests hold the two to the same answers. No time is signed: an event can be sent again at any time.
     */
    isGenuine({ body, header, url }) {
      const expected = Buffer.from(
        createHmac('sha256', signatureKey.expose()).update(url).update(body).digest('base64'),
      );
      const given = Buffer.from(header('x-square-hmacsha256-signature') ?? '');
      return given.length === expected.length && timingSafeEqual(given, expected);
    },
    read(event) {
      const { data } = eventSchema.safeParse(event);
      if (!data) return null;
      const named = { id: eventIdOf(data.event_id), type: data.type };
      if (data.type !== REVOKED) return { ...named, revoked: null };
      const { data: revoked } = revokedSchema.safeParse(event);
      return revoked ? { ...named, revoked: { environment, externalAccountId: revoked.merchant_id } } : null;
    },
  };
}
