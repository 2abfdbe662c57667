import type { ProviderSettings, SettingValues } from '../../config/provider-settings.ts';
import type { Environment } from '../../contracts/providers.ts';
import {
  APP_ID_FORM,
  STAND_IN_ONLY,
  URL_FORM,
  appId,
  flag,
  httpUrl,
  secret,
  secretList,
} from '../../config/variable.ts';
import type { SquareConfig } from './adapter.ts';

export const SQUARE_SETTINGS = {
  appId: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Application id of the Square app. Without `SQUARE_APP_SECRET`, venues connect by PKCE only.',
    obtain: 'Square Developer Console: the app, Credentials.',
    neededWith: ['appSecret'],
    secret: false,
  },
  appSecret: {
    schema: secret,
    form: 'an application secret',
    description: 'Secret of the Square app. Its refresh tokens never expire, and access can be revoked with it.',
    obtain: 'Square Developer Console: the app, OAuth.',
    secret: true,
  },
  webhookSignatureKey: {
    schema: secretList(/^\S+$/),
    form: 'a signature key, or two separated by a comma while one replaces the other',
    description:
      'Key that Square signs webhooks to `PUBLIC_URL` + `/webhooks/square` with. Without it they are refused, and a revocation is noticed by the next call.',
    obtain:
      'Square Developer Console: the app, Webhooks, Subscriptions: one to exactly this address with `oauth.authorization.revoked`; its signature key.',
    readBy: ['api'],
    secret: true,
  },
  sandbox: {
    schema: flag,
    form: 'true or false',
    description: '`true` speaks to Square’s sandbox, for apps and for access tokens.',
    obtain: 'Set `true` with the credentials of the sandbox app.',
    default: 'false',
    secret: false,
  },
  apiUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Square’s API and OAuth, in place of the one that `SQUARE_SANDBOX` selects.',
    obtain: STAND_IN_ONLY,
    secret: false,
  },
} as const satisfies ProviderSettings;

export type SquareSettings = SettingValues<typeof SQUARE_SETTINGS>;

export const environmentOf = ({ sandbox }: SquareSettings): Environment => (sandbox ? 'sandbox' : 'production');

export const squareConfigOf = (settings: SquareSettings): SquareConfig => ({
  apiUrl: settings.apiUrl ?? `https://connect.squareup${settings.sandbox ? 'sandbox' : ''}.com`,
  environment: environmentOf(settings),
  // Without the secret, only PKCE is usable.
  app: settings.appId === null ? null : { id: settings.appId, secret: settings.appSecret },
});
