import { defineStandIn } from '../core/stand-in.ts';
import { startSquareSandbox } from './square-sandbox.ts';

export const square = defineStandIn({
  id: 'square',
  options: {},
  start: startSquareSandbox,
  settings: ({ apiUrl, clientId, clientSecret, webhookSecret }) => [
    {
      SQUARE_API_URL: apiUrl,
      SQUARE_APP_ID: clientId,
      SQUARE_APP_SECRET: clientSecret,
      SQUARE_WEBHOOK_SIGNATURE_KEY: webhookSecret,
      SQUARE_SANDBOX: 'true',
    },
  ],
});
