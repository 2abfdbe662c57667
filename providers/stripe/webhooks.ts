import { Stripe } from 'stripe';
import { z } from 'zod';
import type { Secret } from '../../vault/secret.ts';
import type { WebhookReader, WebhookSetup } from '../webhooks.ts';

/** Of Connect and of Apps alike; sent to an endpoint for events on connected accounts (https://docs.stripe.com/connect/webhooks, read 2026-11-21). */
const DEAUTHORIZED = 'account.application.deauthorized';

/** Such an endpoint gets test and live events: `livemode` tells them apart. `account` is the one that has taken the access back. */
const deauthorizedSchema = z.object({ account: z.string().regex(/^acct_\w+$/), livemode: z.boolean() });
const eventSchema = z.object({ type: z.string() });

export function stripeWebhooks(secret: Secret | null): WebhookSetup {
  return { provider: 'stripe', variable: 'STRIPE_WEBHOOK_SECRET', reader: secret && readerOf(secret) };
}

function readerOf(secret: Secret): WebhookReader {
  return {
    isGenuine({ body, header }) {
      try {
        // With the SDK's own tolerance of 300 s: a delivery that was recorded cannot be sent again later.
        return Stripe.webhooks.signature?.verifyHeader(body, header('stripe-signature') ?? '', secret.expose()) === true;
      } catch (error) {
        if (error instanceof Stripe.errors.StripeSignatureVerificationError) return false;
        throw error;
      }
    },
    read(event) {
      const { data } = eventSchema.safeParse(event);
      if (!data) return null;
      if (data.type !== DEAUTHORIZED) return { type: data.type, revoked: null };
      const { data: deauthorized } = deauthorizedSchema.safeParse(event);
      return deauthorized ? { type: data.type, revoked: { environment: deauthorized.livemode ? 'production' : 'sandbox', externalAccountId: deauthorized.account } } : null;
    },
  };
}
