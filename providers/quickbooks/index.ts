import { oauth2 } from '../kit/connect-methods.ts';
import { defineProvider } from '../kit/define-provider.ts';
import { createQuickBooksAdapter } from './adapter.ts';
import { MINOR_VERSION } from './company.ts';
import { QUICKBOOKS_CAPABILITIES } from './capabilities.ts';
import { quickbooksLimits } from './http/limits.ts';
import { quickbooksFlows } from './oauth.ts';
import { QUICKBOOKS_SETTINGS, quickbooksConfigOf } from './settings.ts';
import type { QuickBooksSettings } from './settings.ts';
import { quickbooksWebhooks } from './webhooks.ts';

export const quickbooks = defineProvider({
  id: 'quickbooks',
  displayName: 'QuickBooks Online',
  apiVersion: { name: `v3, minor version ${MINOR_VERSION}`, endsOn: null },
  settings: QUICKBOOKS_SETTINGS,
  ...QUICKBOOKS_CAPABILITIES,
  connect: [
    oauth2({
      needs: ['clientId', 'clientSecret'],
      // https://developer.intuit.com/app/developer/qbo/docs/learn/scopes (read 2026-11-21).
      scopes: {
        code: [
          'com.intuit.quickbooks.accounting',
          'com.intuit.quickbooks.payment',
          'openid',
          'profile',
          'email',
          'phone',
          'address',
        ],
      },
      callbackParameters: {
        realmId: { pattern: /^\d{1,30}$/, required: true, description: 'QuickBooks Online: the company.' },
      },
      flows: (settings: QuickBooksSettings) => quickbooksFlows(quickbooksConfigOf(settings)),
    }),
  ],
  webhooks: quickbooksWebhooks,
  limitsWith: ({ readsPerMonth }) => quickbooksLimits(readsPerMonth),
  adapter: (settings) => createQuickBooksAdapter(quickbooksConfigOf(settings)),
});
