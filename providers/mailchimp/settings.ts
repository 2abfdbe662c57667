import type { ProviderSettings, SettingValues } from '../../config/provider-settings.ts';
import { APP_ID_FORM, STAND_IN_ONLY, URL_FORM, appId, httpUrl, secret } from '../../config/variable.ts';
import type { MailchimpConfig } from './account.ts';

export const MAILCHIMP_SETTINGS = {
  clientId: {
    schema: appId,
    form: APP_ID_FORM,
    description: 'Client id of the Mailchimp app.',
    obtain: 'Mailchimp: Account, Extras, Registered apps.',
    neededWith: ['clientSecret'],
    secret: false,
  },
  clientSecret: {
    schema: secret,
    form: 'a client secret',
    description: 'Client secret of the Mailchimp app.',
    obtain: 'Shown once, when the app is registered.',
    neededWith: ['clientId'],
    secret: true,
  },
  loginUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of Mailchimp’s OAuth.',
    obtain: STAND_IN_ONLY,
    default: 'https://login.mailchimp.com',
    secret: false,
  },
  apiUrl: {
    schema: httpUrl,
    form: URL_FORM,
    description: 'Base URL of a stand-in for Mailchimp’s API. Without it each account’s own data centre is asked.',
    obtain: 'Set it only to use a stand-in.',
    secret: false,
  },
} as const satisfies ProviderSettings;

export type MailchimpSettings = SettingValues<typeof MAILCHIMP_SETTINGS>;

export const mailchimpConfigOf = ({
  loginUrl,
  apiUrl,
  clientId,
  clientSecret,
}: MailchimpSettings): MailchimpConfig => ({
  loginUrl,
  apiUrl,
  app: clientId !== null && clientSecret ? { id: clientId, secret: clientSecret } : null,
});
