import { oauth2 } from '../kit/connect-methods.ts';
import { defineProvider } from '../kit/define-provider.ts';
import { createXeroAdapter } from './adapter.ts';
import { XERO_CAPABILITIES } from './capabilities.ts';
import { XERO_SCOPES, xeroFlows } from './oauth.ts';
import { XERO_SETTINGS, xeroConfigOf } from './settings.ts';
import type { XeroSettings } from './settings.ts';
import { xeroWebhooks } from './webhooks.ts';

export const xero = defineProvider({
  id: 'xero',
  displayName: 'Xero',
  apiVersion: { name: 'Accounting API 2.0', endsOn: null },
  settings: XERO_SETTINGS,
  // https://developer.xero.com/faq/granular-scopes, read 2026-11-29.
  neededScopes: {
    products: { pull: ['accounting.settings'] },
    customers: { pull: ['accounting.contacts'] },
    // Credit notes are among the invoices.
    transactions: { pull: ['accounting.payments.read', 'accounting.invoices', 'accounting.banktransactions.read'] },
    // Lines name items and are booked to accounts.
    invoices: { pull: ['accounting.invoices'], push: ['accounting.invoices', 'accounting.settings'] },
  },
  ...XERO_CAPABILITIES,
  connect: [
    oauth2({
      needs: ['clientId', 'clientSecret'],
      scopes: { code: XERO_SCOPES },
      flows: (settings: XeroSettings) => xeroFlows(xeroConfigOf(settings)),
    }),
  ],
  webhooks: xeroWebhooks,
  requestsPerSecond: ({ requestsPerSecond }) => requestsPerSecond,
  adapter: (settings) => createXeroAdapter(xeroConfigOf(settings)),
});
