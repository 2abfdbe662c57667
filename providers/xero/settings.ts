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
import type { XeroConfig } from './organisation.ts';

export const XERO_SETTINGS = {
  clientId: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Xero app.',
    obtain: 'Xero Developer: the app, Configuration. The app is a web app, with granular scopes.',
    neededWith: ['clientSecret'],
    secret: false,
  },
  clientSecret: {
    schema: secret,
    form: 'a client secret',
    description: 'Client secret of the Xero app.',
    obtain: 'Xero Developer: the app, Configuration, Generate a secret.',
    neededWith: ['clientId'],
    secret: true,
  },
  webhookKey: {
    schema: secretList(/^\S+$/),
    form: 'a webhooks key, or two separated by a comma while one replaces the other',
    description:
      'Key that Xero signs webhooks to `PUBLIC_URL` + `/webhooks/xero` with. Without it they are refused, and Xero’s intent to receive fails.',
    obtain: 'Xero Developer: the app, Webhooks, of the categories contacts, invoices and credit notes.',
    readBy: ['api'],
    secret: true,
  },
  requestsPerSecond: {
    schema: rate,
    form: 'a number above 0',
    description: 'Requests a second to one organisation, in place of the 60 a minute that Xero allows.',
    obtain: 'Set less to leave some of the limit to other software of the organisation.',
    secret: false,
  },
  apiUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Xero’s API and of its list of connections.',
    obtain: STAND_IN_ONLY,
    default: 'https://api.xero.com',
    secret: false,
  },
  authorizeUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Page on which a user of an organisation approves.',
    obtain: STAND_IN_ONLY,
    default: 'https://login.xero.com/identity/connect/authorize',
    secret: false,
  },
  tokenUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Where Xero gives tokens.',
    obtain: STAND_IN_ONLY,
    default: 'https://identity.xero.com/connect/token',
    secret: false,
  },
} as const satisfies ProviderSettings;

export type XeroSettings = SettingValues<typeof XERO_SETTINGS>;

export const xeroConfigOf = (settings: XeroSettings): XeroConfig => {
  const { apiUrl, authorizeUrl, tokenUrl, clientId, clientSecret } = settings;
  return {
    ...{ apiUrl, authorizeUrl, tokenUrl },
    app: clientId !== null && clientSecret ? { id: clientId, secret: clientSecret } : null,
  };
};
