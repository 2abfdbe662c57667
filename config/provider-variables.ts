import { z } from 'zod';
import { SERVICES, URL_FORM, flag, httpUrl, rate, secret } from './variable.ts';
import type { Variable } from './variable.ts';

/** What providers call the names of apps: it goes into a URL, and is no secret. */
const appId = z.string().regex(/^[\w.-]+$/);
const APP_ID_FORM = 'letters, digits, dots, dashes and underscores';

const standIn = 'Change it only to use a stand-in.';

/** Where each provider is, and as which app we come to it. Without an app's credentials, nobody can connect that way. */
export const PROVIDER_VARIABLES = {
  STRIPE_API_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Stripe’s API.',
    obtain: standIn,
    default: 'https://api.stripe.com',
    readBy: SERVICES,
    secret: false,
  },
  STRIPE_REQUESTS_PER_SECOND: {
    schema: rate,
    form: 'a number above 0 and below 1000000, with at most three decimals',
    description: 'Requests per second to one Stripe account, in place of the built-in budget.',
    obtain: 'The limit that Stripe granted the account, less what its other integrations use.',
    readBy: SERVICES,
    secret: false,
  },
  STRIPE_CLIENT_ID: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Stripe Connect platform that venues connect their accounts to (flow `connect`).',
    obtain: 'Stripe Dashboard: Settings, Connect, OAuth, of the same mode as `STRIPE_SECRET_KEY`.',
    readBy: SERVICES,
    secret: false,
  },
  STRIPE_APP_CLIENT_ID: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Stripe App that venues install (flow `app`).',
    obtain: 'Stripe Dashboard: Apps, the app, Settings: the `client_id` of its install link.',
    readBy: SERVICES,
    secret: false,
  },
  STRIPE_SECRET_KEY: {
    schema: z
      .string()
      .regex(/^[sr]k_(live|test)_\w+$/)
      .pipe(secret),
    form: 'a secret or restricted key: sk_live_…, sk_test_…, rk_live_… or rk_test_…',
    description:
      'Key of the Connect platform, or of the account that the Stripe App belongs to. Its mode is the environment that venues connect.',
    obtain: 'Stripe Dashboard: Developers, API keys.',
    neededBy: 'api, worker when `STRIPE_CLIENT_ID` or `STRIPE_APP_CLIENT_ID` is set',
    readBy: SERVICES,
    secret: true,
  },
  STRIPE_WEBHOOK_SECRET: {
    schema: z
      .string()
      .regex(/^whsec_\S+$/)
      .pipe(secret),
    form: 'a signing secret: whsec_…',
    description:
      'Secret that Stripe signs webhooks to `PUBLIC_URL` + `/webhooks/stripe` with. Without it they are refused, and a revocation is noticed by the next call.',
    obtain:
      'Stripe Dashboard: Developers, Webhooks: an endpoint for events on connected accounts, of the same mode as `STRIPE_SECRET_KEY`, with `account.application.deauthorized`; its signing secret.',
    readBy: ['api'],
    secret: true,
  },
  STRIPE_CONNECT_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Stripe Connect’s OAuth.',
    obtain: standIn,
    default: 'https://connect.stripe.com',
    readBy: SERVICES,
    secret: false,
  },
  STRIPE_MARKETPLACE_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Page on which a Stripe App is installed.',
    obtain: 'While the app is in external test: its install link without the query.',
    default: 'https://marketplace.stripe.com/oauth/v2/authorize',
    readBy: SERVICES,
    secret: false,
  },
  SQUARE_APP_ID: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Application id of the Square app. Without `SQUARE_APP_SECRET`, venues connect by PKCE only.',
    obtain: 'Square Developer Console: the app, Credentials.',
    neededBy: 'api, worker when `SQUARE_APP_SECRET` is set',
    readBy: SERVICES,
    secret: false,
  },
  SQUARE_APP_SECRET: {
    schema: secret,
    form: 'an application secret',
    description: 'Secret of the Square app. Its refresh tokens never expire, and access can be revoked with it.',
    obtain: 'Square Developer Console: the app, OAuth.',
    readBy: SERVICES,
    secret: true,
  },
  SQUARE_WEBHOOK_SIGNATURE_KEY: {
    schema: secret,
    form: 'a signature key',
    description:
      'Key that Square signs webhooks to `PUBLIC_URL` + `/webhooks/square` with. Without it they are refused, and a revocation is noticed by the next call.',
    obtain:
      'Square Developer Console: the app, Webhooks, Subscriptions: one to exactly this address with `oauth.authorization.revoked`; its signature key.',
    readBy: ['api'],
    secret: true,
  },
  SQUARE_SANDBOX: {
    schema: flag,
    form: 'true or false',
    description: '`true` speaks to Square’s sandbox, for apps and for access tokens.',
    obtain: 'Set `true` with the credentials of the sandbox app.',
    default: 'false',
    readBy: SERVICES,
    secret: false,
  },
  SQUARE_API_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Square’s API and OAuth, in place of the one that `SQUARE_SANDBOX` selects.',
    obtain: standIn,
    readBy: SERVICES,
    secret: false,
  },
  QUICKBOOKS_CLIENT_ID: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Intuit app.',
    obtain: 'Intuit Developer: the app, Keys and credentials.',
    neededBy: 'api, worker when `QUICKBOOKS_CLIENT_SECRET` is set',
    readBy: SERVICES,
    secret: false,
  },
  QUICKBOOKS_CLIENT_SECRET: {
    schema: secret,
    form: 'a client secret',
    description: 'Client secret of the Intuit app.',
    obtain: 'Intuit Developer: the app, Keys and credentials.',
    neededBy: 'api, worker when `QUICKBOOKS_CLIENT_ID` is set',
    readBy: SERVICES,
    secret: true,
  },
  QUICKBOOKS_SANDBOX: {
    schema: flag,
    form: 'true or false',
    description: '`true` speaks to QuickBooks’ sandbox companies.',
    obtain: 'Set `true` with the development keys of the app.',
    default: 'false',
    readBy: SERVICES,
    secret: false,
  },
  QUICKBOOKS_API_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of QuickBooks’ API, in place of the one that `QUICKBOOKS_SANDBOX` selects.',
    obtain: standIn,
    readBy: SERVICES,
    secret: false,
  },
  QUICKBOOKS_AUTHORIZE_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Page on which a company’s owner approves.',
    obtain: standIn,
    default: 'https://appcenter.intuit.com/connect/oauth2',
    readBy: SERVICES,
    secret: false,
  },
  QUICKBOOKS_TOKEN_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Where Intuit gives tokens.',
    obtain: standIn,
    default: 'https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer',
    readBy: SERVICES,
    secret: false,
  },
  QUICKBOOKS_REVOKE_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Where Intuit takes tokens back.',
    obtain: standIn,
    default: 'https://developer.api.intuit.com/v2/oauth2/tokens/revoke',
    readBy: SERVICES,
    secret: false,
  },
  MAILCHIMP_CLIENT_ID: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Mailchimp app.',
    obtain: 'Mailchimp: Account, Extras, Registered apps.',
    neededBy: 'api, worker when `MAILCHIMP_CLIENT_SECRET` is set',
    readBy: SERVICES,
    secret: false,
  },
  MAILCHIMP_CLIENT_SECRET: {
    schema: secret,
    form: 'a client secret',
    description: 'Client secret of the Mailchimp app.',
    obtain: 'Shown once, when the app is registered.',
    neededBy: 'api, worker when `MAILCHIMP_CLIENT_ID` is set',
    readBy: SERVICES,
    secret: true,
  },
  MAILCHIMP_LOGIN_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Mailchimp’s OAuth.',
    obtain: standIn,
    default: 'https://login.mailchimp.com',
    readBy: SERVICES,
    secret: false,
  },
  MAILCHIMP_API_URL: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of a stand-in for Mailchimp’s API. Without it each account’s own data centre is asked.',
    obtain: 'Set it only to use a stand-in.',
    readBy: SERVICES,
    secret: false,
  },
} as const satisfies Record<string, Variable>;
