import type { ProviderSettings, SettingValues } from '../../config/provider-settings.ts';
import {
  APP_ID_FORM,
  COUNT_FORM,
  STAND_IN_ONLY,
  URL_FORM,
  appId,
  count,
  flag,
  httpUrl,
  secret,
  secretList,
} from '../../config/variable.ts';
import { BUILDER_READS_PER_MONTH } from './http/limits.ts';
import type { QuickBooksConfig } from './company.ts';

export const QUICKBOOKS_SETTINGS = {
  clientId: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Intuit app.',
    obtain: 'Intuit Developer: the app, Keys and credentials.',
    neededWith: ['clientSecret'],
    secret: false,
  },
  clientSecret: {
    schema: secret,
    form: 'a client secret',
    description: 'Client secret of the Intuit app.',
    obtain: 'Intuit Developer: the app, Keys and credentials.',
    neededWith: ['clientId'],
    secret: true,
  },
  webhookToken: {
    schema: secretList(/^\S+$/),
    form: 'a verifier token, or two separated by a comma while one replaces the other',
    description:
      'Verifier token that Intuit signs webhooks to `PUBLIC_URL` + `/webhooks/quickbooks` with. Without it they are refused.',
    obtain:
      'Intuit Developer: the app, Webhooks, of the same environment as the keys: the address, the entities, and Show verifier token.',
    readBy: ['api'],
    secret: true,
  },
  readsPerMonth: {
    schema: count,
    form: COUNT_FORM,
    description:
      'Reads a calendar month that the Intuit app may make for all companies together. Runs wait for the next month when they are used up.',
    obtain:
      'Intuit Developer: the tier of the app, under Usage. The lowest takes 500,000, and refuses more; a higher one bills more.',
    default: String(BUILDER_READS_PER_MONTH),
    secret: false,
  },
  sandbox: {
    schema: flag,
    form: 'true or false',
    description: '`true` speaks to QuickBooks’ sandbox companies.',
    obtain: 'Set `true` with the development keys of the app.',
    default: 'false',
    secret: false,
  },
  apiUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of QuickBooks’ API, in place of the one that `QUICKBOOKS_SANDBOX` selects.',
    obtain: STAND_IN_ONLY,
    secret: false,
  },
  authorizeUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Page on which a company’s owner approves.',
    obtain: STAND_IN_ONLY,
    default: 'https://appcenter.intuit.com/connect/oauth2',
    secret: false,
  },
  tokenUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Where Intuit gives tokens.',
    obtain: STAND_IN_ONLY,
    default: 'https://oauth.platform.intuit.com/oauth2/v1/tokens/bearer',
    secret: false,
  },
  revokeUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Where Intuit takes tokens back.',
    obtain: STAND_IN_ONLY,
    default: 'https://developer.api.intuit.com/v2/oauth2/tokens/revoke',
    secret: false,
  },
} as const satisfies ProviderSettings;

export type QuickBooksSettings = SettingValues<typeof QUICKBOOKS_SETTINGS>;

export const quickbooksConfigOf = (settings: QuickBooksSettings): QuickBooksConfig => {
  const { sandbox, authorizeUrl, tokenUrl, revokeUrl, clientId, clientSecret } = settings;
  return {
    apiUrl: settings.apiUrl ?? `https://${sandbox ? 'sandbox-' : ''}quickbooks.api.intuit.com`,
    authorizeUrl,
    tokenUrl,
    revokeUrl,
    environment: sandbox ? 'sandbox' : 'production',
    app: clientId !== null && clientSecret ? { id: clientId, secret: clientSecret } : null,
  };
};
