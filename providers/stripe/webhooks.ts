import { createHmac } from 'node:crypto';
import { Stripe } from 'stripe';
import { z } from 'zod';
import { accountIdSchema, changedBy, eventIdOf, eventTypeSchema } from '../kit/webhook-definition.ts';
import type { WebhookDefinition } from '../kit/webhook-definition.ts';
import { CHANGE_EVENTS, stripeChangesIn } from './event-changes.ts';
import { EVENTS_REACH_S } from './http/lists.ts';
import type { StripeSettings } from './settings.ts';

/**
 * An event on connected accounts (https://docs.stripe.com/connect/webhooks, read 2026-11-21). The endpoint gets test and live events:
 * `livemode` tells them apart. `account` is the one that the event is about, also when it has taken the access back.
 */
const eventSchema = z.object({ type: eventTypeSchema, id: z.unknown().optional() });
const accountSchema = z.object({ account: accountIdSchema.regex(/^acct_\w+$/), livemode: z.boolean() });

/** `t=<seconds>,v1=<hex>` and more (https://docs.stripe.com/webhooks/signature, read 2026-11-21); the SDK checks time and signature. */
const SIGNATURE = /(?:^|,)\s*v1=[0-9a-f]{64}(?:,|$)/;
const SIGNED_AT = /(?:^|,)\s*t=\d{1,12}(?:,|$)/;

/**
 * Signs the bytes as they came. The SDK (23.1.0) decodes them first, which drops a byte order mark and replaces what is no
 * UTF-8: what Stripe has signed would count as forged, and something else as signed.
 */
function signerOf(body: Uint8Array): Stripe.CryptoProvider {
  const signer = new Stripe.CryptoProvider();
  signer.computeHMACSignature = (content, secret) =>
    createHmac('sha256', secret)
      .update(content.slice(0, content.indexOf('.') + 1))
      .update(body)
      .digest('hex');
  return signer;
}

export const stripeWebhooks: WebhookDefinition<StripeSettings> = {
  secrets: 'webhookSecret',
  // A venue with a key of its own makes an endpoint in its own account.
  connectionEndpoint: 'signed',
  signature: {
    secretForm: { pattern: /^whsec_[^\s,]{8,255}$/, description: 'Must be the endpoint’s signing secret, whsec_…' },
    isSigned(header) {
      const signature = header('stripe-signature') ?? '';
      return SIGNATURE.test(signature) && SIGNED_AT.test(signature);
    },
    verify({ body, header }, secret) {
      try {
        // With the SDK's own tolerance of 300 s: a delivery that was recorded cannot be sent again later.
        const given = header('stripe-signature') ?? '';
        const signer = signerOf(body);
        return Stripe.webhooks.signature?.verifyHeader(body, given, secret.expose(), undefined, signer) === true;
      } catch (error) {
        if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
        throw error;
      }
    },
  },
  identify(event) {
    const { data } = eventSchema.safeParse(event);
    if (!data) return null;
    const { data: whose } = accountSchema.safeParse(event);
    return {
      id: eventIdOf(data.id),
      type: data.type,
      account: whose
        ? { environment: whose.livemode ? 'production' : 'sandbox', externalAccountId: whose.account }
        : null,
    };
  },
  events: {
    // Of Connect and of Apps alike.
    'account.application.deauthorized': 'revoked',
    ...changedBy(CHANGE_EVENTS),
  },
  changesIn: stripeChangesIn,
  feedReachMs: EVENTS_REACH_S * 1_000,
};
