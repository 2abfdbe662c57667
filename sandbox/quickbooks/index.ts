import { defineStandIn } from '../core/stand-in.ts';
import { startQuickBooksSandbox } from './quickbooks-sandbox.ts';

export const quickbooks = defineStandIn({
  id: 'quickbooks',
  options: {},
  start: startQuickBooksSandbox,
  settings: ({ apiUrl, authorizeUrl, tokenUrl, revokeUrl, clientId, clientSecret, webhookSecret }) => [
    {
      QUICKBOOKS_API_URL: apiUrl,
      QUICKBOOKS_AUTHORIZE_URL: authorizeUrl,
      QUICKBOOKS_TOKEN_URL: tokenUrl,
      QUICKBOOKS_REVOKE_URL: revokeUrl,
      QUICKBOOKS_CLIENT_ID: clientId,
      QUICKBOOKS_CLIENT_SECRET: clientSecret,
      QUICKBOOKS_WEBHOOK_TOKEN: webhookSecret,
      QUICKBOOKS_SANDBOX: 'true',
    },
  ],
});
