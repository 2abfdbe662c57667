import type { OAuthFlow, ProviderId } from '../contracts/providers.ts';

/** https://developer.squareup.com/docs/oauth-api/square-permissions (read 2026-11-21): those of what this service syncs or may come to sync. */
const SQUARE = [
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
] as const;

/**
 * What may be asked for, by provider and flow. A Stripe App's permissions are in its manifest, and Mailchimp knows no scopes
 * (https://docs.stripe.com/stripe-apps/reference/permissions, https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/, read 2026-11-21).
 */
const KNOWN: Readonly<Record<ProviderId, Readonly<Partial<Record<OAuthFlow, readonly string[]>>>>> = {
  // https://docs.stripe.com/connect/oauth-reference (read 2026-11-21).
  stripe: { connect: ['read_write', 'read_only'] },
  square: { code: SQUARE, pkce: SQUARE },
  // https://developer.intuit.com/app/developer/qbo/docs/learn/scopes (read 2026-11-21).
  quickbooks: {
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
  mailchimp: {},
};

/** Scopes that the flow can be asked for; empty where the provider takes none. */
export const knownScopes = (provider: ProviderId, flow: OAuthFlow): readonly string[] => KNOWN[provider][flow] ?? [];
