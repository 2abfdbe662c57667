import { apiKey, oauth2 } from '../kit/connect-methods.ts';
import { defineProvider } from '../kit/define-provider.ts';
import { createMailchimpAdapter } from './adapter.ts';
import { listAudiences } from './audiences.ts';
import { MAILCHIMP_CAPABILITIES } from './capabilities.ts';
import { mailchimpFlows } from './oauth.ts';
import { MAILCHIMP_SETTINGS, mailchimpConfigOf } from './settings.ts';
import type { MailchimpSettings } from './settings.ts';
import { mailchimpWebhooks } from './webhooks.ts';

export const mailchimp = defineProvider({
  id: 'mailchimp',
  displayName: 'Mailchimp',
  apiVersion: { name: '3.0', endsOn: null },
  settings: MAILCHIMP_SETTINGS,
  ...MAILCHIMP_CAPABILITIES,
  connect: [
    oauth2({
      needs: ['clientId', 'clientSecret'],
      // No scopes (https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/, read 2026-11-21).
      accounts: {
        kind: 'audience',
        list: (settings: MailchimpSettings, credential, calls) =>
          listAudiences(mailchimpConfigOf(settings), credential, calls),
      },
      flows: (settings: MailchimpSettings) => mailchimpFlows(mailchimpConfigOf(settings)),
    }),
    apiKey(),
  ],
  webhooks: mailchimpWebhooks,
  adapter: (settings) => createMailchimpAdapter(mailchimpConfigOf(settings)),
});
