import { apiKey, oauth2 } from '../kit/connect-methods.ts';
import { defineProvider } from '../kit/define-provider.ts';
import { createStripeAdapter } from './adapter.ts';
import { STRIPE_CAPABILITIES } from './capabilities.ts';
import { API_VERSION } from './customers/names.ts';
import { stripeFlows } from './oauth.ts';
import { STRIPE_SETTINGS, stripeOAuthOf } from './settings.ts';
import type { StripeSettings } from './settings.ts';
import { stripeWebhooks } from './webhooks.ts';

export const stripe = defineProvider({
  id: 'stripe',
  displayName: 'Stripe',
  // Stripe keeps old versions working and announces no end for any (https://docs.stripe.com/api/versioning, read
  // 2026-11-28).
  apiVersion: { name: API_VERSION, endsOn: null },
  settings: STRIPE_SETTINGS,
  standInPorts: { api: 12_111, control: 12_112 },
  ...STRIPE_CAPABILITIES,
  connect: [
    apiKey(),
    oauth2({
      needs: ['clientId', 'secretKey'],
      // https://docs.stripe.com/connect/oauth-reference (read 2026-11-21). A Stripe App's permissions are in its manifest
      // (https://docs.stripe.com/stripe-apps/reference/permissions, read 2026-11-21).
      scopes: { connect: ['read_write', 'read_only'] },
      flows: (settings: StripeSettings) =>
        stripeFlows(settings.apiUrl, stripeOAuthOf(settings), (options) => createStripeAdapter(settings).open(options)),
    }),
  ],
  webhooks: stripeWebhooks,
  requestsPerSecond: ({ requestsPerSecond }) => requestsPerSecond,
  adapter: createStripeAdapter,
});
