import { Stripe } from 'stripe';
import { z } from 'zod';
import type { Secret } from '../../vault/secret.ts';
import { eventIdOf } from '../webhooks.ts';
import type { WebhookReader, WebhookSetup } from '../webhooks.ts';

/** Of Connect and of Apps alike; sent to an endpoint for events on connected accounts (https://docs.stripe.com/connect/webhooks, read 2026-11-21). */
const DEAUTHORIZED = 'account.application.deauthorized';

/** Such an endpoint gets test and live events: `livemode` tells them apart. `account` is the one that has taken the access back. */
const deauthorizedSchema = z.object({ account: z.string().regex(/^acct_\w+$/), livemode: z.boolean() });
const eventSchema = z.object({ type: z.string(), id: z.unknown().optional() });

/** `t=<seconds>,v1=<hex>` and more (https://docs.stripe.com/webhooks/signature, read 2026-11-21); the SDK checks time and signature. */
const SIGNATURE = /(?:^|,)\s*v1=[0-9a-f]{64}(?:,|$)/;
const SIGNED_AT = /(?:^|,)\s*t=\d{1,12}(?:,|$)/;

export function stripeWebhooks(secret: Secret | null): WebhookSetup {
  return { provider: 'stripe', variable: 'STRIPE_WEBHOOK_SECRET', reader: secret && readerOf(secret) };
}

function readerOf(secret: Secret): WebhookReader {
  return {
    isSigned(header) {
      const signature = header('stripe-signature') ?? '';
      return SIGNATURE.test(signature) && SIGNED_AT.test(signature);
    },
    isGenuine({ body, header }) {
      try {
        // With the SDK's own tolerance of 300 s: a delivery that was recorded cannot be sent again later.
        return (
          Stripe.webhooks.signature?.verifyHeader(body, header('stripe-signature') ?? '', secret.expose()) === true
        );
      } catch (error) {
        if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
        throw error;
      }
    },
    read(event) {
      const { data } = eventSchema.safeParse(event);
      if (!data) return null;
      const named = { id: eventIdOf(data.id), type: data.type };
      if (data.type !== DEAUTHORIZED) return { ...named, revoked: null };
      const { data: deauthorized } = deauthorizedSchema.safeParse(event);
      return deauthorized
        ? {
            ...named,
            revoked: {
              environment: deauthorized.livemode ? 'production' : 'sandbox',
              externalAccountId: deauthorized.account,
            },
          }
        : null;
    },
  };
}
