import { defineStandIn } from '../core/stand-in.ts';
import { startMailchimpSandbox } from './mailchimp-sandbox.ts';

export const mailchimp = defineStandIn({
  id: 'mailchimp',
  options: {},
  start: startMailchimpSandbox,
  settings: ({ apiUrl, clientId, clientSecret }) => [
    {
      MAILCHIMP_API_URL: apiUrl,
      MAILCHIMP_LOGIN_URL: apiUrl,
      MAILCHIMP_CLIENT_ID: clientId,
      MAILCHIMP_CLIENT_SECRET: clientSecret,
    },
  ],
});
