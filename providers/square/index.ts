import { apiKey, oauth2 } from '../kit/connect-methods.ts';
import { defineProvider } from '../kit/define-provider.ts';
import { createSquareAdapter } from './adapter.ts';
import { SQUARE_CAPABILITIES } from './capabilities.ts';
import { SQUARE_VERSION } from './http/ask.ts';
import { listSquareLocations } from './locations.ts';
import { squareFlows } from './oauth.ts';
import { SQUARE_SETTINGS, squareConfigOf } from './settings.ts';
import type { SquareSettings } from './settings.ts';
import { squareWebhooks } from './webhooks.ts';

/**
 * https://developer.squareup.com/docs/oauth-api/square-permissions (read 2026-11-21). The scopes of resources that this
 * service syncs or is going to sync.
 */
const SCOPES = [
  'CUSTOMERS_READ',
  'CUSTOMERS_WRITE',
  'DISPUTES_READ',
  'GIFTCARDS_READ',
  'INVENTORY_READ',
  'INVENTORY_WRITE',
  'INVOICES_READ',
  'ITEMS_READ',
  'ITEMS_WRITE',
  'LOYALTY_READ',
  'MERCHANT_PROFILE_READ',
  'ORDERS_READ',
  'ORDERS_WRITE',
  'PAYMENTS_READ',
  'PAYOUTS_READ',
  'SETTLEMENTS_READ',
  'SUBSCRIPTIONS_READ',
];

export const square = defineProvider({
  id: 'square',
  displayName: 'Square',
  apiVersion: { name: SQUARE_VERSION, endsOn: null },
  settings: SQUARE_SETTINGS,
  // https://developer.squareup.com/docs/oauth-api/square-permissions, read 2026-11-28. Payments, orders and invoices are
  // listed by location. Points of customers are left out without their permission.
  neededScopes: {
    products: { pull: ['ITEMS_READ'], push: ['ITEMS_WRITE'] },
    customers: { pull: ['CUSTOMERS_READ'], push: ['CUSTOMERS_WRITE'] },
    inventory: { pull: ['INVENTORY_READ'], push: ['INVENTORY_WRITE'] },
    transactions: { pull: ['MERCHANT_PROFILE_READ', 'PAYMENTS_READ', 'ORDERS_READ', 'DISPUTES_READ'] },
    invoices: { pull: ['MERCHANT_PROFILE_READ', 'INVOICES_READ', 'ORDERS_READ'] },
  },
  ...SQUARE_CAPABILITIES,
  connect: [
    oauth2({
      needs: ['appId', 'appSecret'],
      scopes: { code: SCOPES, pkce: SCOPES },
      accounts: {
        kind: 'location',
        list: (settings: SquareSettings, credential, calls) =>
          listSquareLocations(squareConfigOf(settings), credential, calls),
      },
      flows: (settings: SquareSettings) => squareFlows(squareConfigOf(settings)),
    }),
    apiKey(),
  ],
  webhooks: squareWebhooks,
  adapter: (settings) => createSquareAdapter(squareConfigOf(settings)),
});
