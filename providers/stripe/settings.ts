import { z } from 'zod';
import type { ProviderSettings, SettingValues } from '../../config/provider-settings.ts';
import {
  APP_ID_FORM,
  STAND_IN_ONLY,
  URL_FORM,
  appId,
  httpUrl,
  rate,
  secret,
  secretList,
} from '../../config/variable.ts';
import type { StripeOAuthConfig } from './oauth.ts';

export const STRIPE_SETTINGS = {
  apiUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Stripe’s API.',
    obtain: STAND_IN_ONLY,
    default: 'https://api.stripe.com',
    secret: false,
  },
  requestsPerSecond: {
    schema: rate,
    form: 'a number above 0 and below 1000000, with at most three decimals',
    description: 'Requests per second to one Stripe account, in place of the built-in budget.',
    obtain: 'The limit that Stripe granted the account, less what its other integrations use.',
    secret: false,
  },
  clientId: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Stripe Connect platform that venues connect their accounts to (flow `connect`).',
    obtain: 'Stripe Dashboard: Settings, Connect, OAuth, of the same mode as `STRIPE_SECRET_KEY`.',
    secret: false,
  },
  appClientId: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Stripe App that venues install (flow `app`).',
    obtain: 'Stripe Dashboard: Apps, the app, Settings: the `client_id` of its install link.',
    secret: false,
  },
  secretKey: {
    schema: z
      .string()
      .regex(/^[sr]k_(live|test)_\w+$/)
      .pipe(secret),
    form: 'a secret or restricted key: sk_live_…, sk_test_…, rk_live_… or rk_test_…',
    description:
      'Key of the Connect platform, or of the account that the Stripe App belongs to. Its mode is the environment that venues connect.',
    obtain: 'Stripe Dashboard: Developers, API keys.',
    neededWith: ['clientId', 'appClientId'],
    secret: true,
  },
  webhookSecret: {
    schema: secretList(/^whsec_[^\s,]+$/),
    form: 'a signing secret, whsec_…, or two separated by a comma while one replaces the other',
    description:
      'Secret that Stripe signs webhooks to `PUBLIC_URL` + `/webhooks/stripe` with. Without it they are refused, and a revocation is noticed by the next call.',
    obtain:
      'Stripe Dashboard: Developers, Webhooks: an endpoint for events on connected accounts, of the same mode as `STRIPE_SECRET_KEY`, with `account.application.deauthorized`; its signing secret.',
    readBy: ['api'],
    secret: true,
  },
  connectUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Stripe Connect’s OAuth.',
    obtain: STAND_IN_ONLY,
    default: 'https://connect.stripe.com',
    secret: false,
  },
  marketplaceUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Page on which a Stripe App is installed.',
    obtain: 'While the app is in external test: its install link without the query.',
    default: 'https://marketplace.stripe.com/oauth/v2/authorize',
    secret: false,
  },
} as const satisfies ProviderSettings;

export type StripeSettings = SettingValues<typeof STRIPE_SETTINGS>;

/**
 * Null without the platform's key. The key alone is accepted and unused, because the predecessor's operators have set
 * it.
 */
export const stripeOAuthOf = (settings: StripeSettings): StripeOAuthConfig | null =>
  settings.secretKey && {
    secretKey: settings.secretKey,
    connectUrl: settings.connectUrl,
    marketplaceUrl: settings.marketplaceUrl,
    connectClientId: settings.clientId,
    appClientId: settings.appClientId,
  };
