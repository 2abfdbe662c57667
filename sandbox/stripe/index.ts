import { z } from 'zod';
import { defineStandIn } from '../core/stand-in.ts';
import { startStripeSandbox } from './stripe-sandbox.ts';

export const stripe = defineStandIn({
  id: 'stripe',
  options: {
    secretKey: z
      .string()
      .regex(/^sk_test_\w{4,}$/, 'must look like sk_test_…')
      .optional(),
    webhookSecret: z
      .string()
      .regex(/^whsec_\w{4,}$/, 'must look like whsec_…')
      .optional(),
  },
  start: startStripeSandbox,
  settings: ({ apiUrl, connectUrl, marketplaceUrl, connectClientId, appClientId, platformKey, webhookSecret }) => [
    // By itself: with a platform of the user's own, keys of the stand-in's accounts can be connected all the same.
    { STRIPE_API_URL: apiUrl },
    {
      STRIPE_CONNECT_URL: connectUrl,
      STRIPE_MARKETPLACE_URL: marketplaceUrl,
      STRIPE_CLIENT_ID: connectClientId,
      STRIPE_APP_CLIENT_ID: appClientId,
      STRIPE_SECRET_KEY: platformKey,
      STRIPE_WEBHOOK_SECRET: webhookSecret,
    },
  ],
});
