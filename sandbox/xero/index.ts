import { defineStandIn } from '../core/stand-in.ts';
import { startXeroSandbox } from './xero-sandbox.ts';

export const xero = defineStandIn({
  id: 'xero',
  options: {},
  start: startXeroSandbox,
  settings: ({ apiUrl, authorizeUrl, tokenUrl, clientId, clientSecret, webhookSecret }) => [
    {
      XERO_API_URL: apiUrl,
      XERO_AUTHORIZE_URL: authorizeUrl,
      XERO_TOKEN_URL: tokenUrl,
      XERO_CLIENT_ID: clientId,
      XERO_CLIENT_SECRET: clientSecret,
      XERO_WEBHOOK_KEY: webhookSecret,
    },
  ],
});
