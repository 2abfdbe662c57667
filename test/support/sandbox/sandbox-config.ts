import type { RunningOAuthSandbox } from './sandbox-oauth.ts';
import type { TestSettings } from '../test-providers.ts';
import { Secret } from '../../../vault/secret.ts';

/** Every app of the stand-ins, with its right credentials. */
export function configOf({ stripe, square, quickbooks, mailchimp, xero }: RunningOAuthSandbox) {
  return {
    stripe: {
      apiUrl: stripe.apiUrl,
      requestsPerSecond: null,
      connectUrl: stripe.connectUrl,
      marketplaceUrl: stripe.marketplaceUrl,
      secretKey: new Secret(stripe.platformKey),
      clientId: stripe.connectClientId,
      appClientId: stripe.appClientId,
    },
    square: {
      apiUrl: square.apiUrl,
      sandbox: true,
      appId: square.clientId,
      appSecret: new Secret(square.clientSecret),
    },
    quickbooks: {
      apiUrl: quickbooks.apiUrl,
      authorizeUrl: quickbooks.authorizeUrl,
      tokenUrl: quickbooks.tokenUrl,
      revokeUrl: quickbooks.revokeUrl,
      sandbox: true,
      clientId: quickbooks.clientId,
      clientSecret: new Secret(quickbooks.clientSecret),
    },
    mailchimp: {
      loginUrl: mailchimp.apiUrl,
      apiUrl: mailchimp.apiUrl,
      clientId: mailchimp.clientId,
      clientSecret: new Secret(mailchimp.clientSecret),
    },
    xero: {
      apiUrl: xero.apiUrl,
      authorizeUrl: xero.authorizeUrl,
      tokenUrl: xero.tokenUrl,
      clientId: xero.clientId,
      clientSecret: new Secret(xero.clientSecret),
    },
  } satisfies TestSettings;
}

/** The same apps with wrong credentials. Square's PKCE sends no secret, so the app's name is wrong there. */
export function withWrongCredentials({ stripe, square, quickbooks, mailchimp, xero }: TestSettings): TestSettings {
  const secret = new Secret('canary7f3a_wrong');
  return {
    stripe: { ...stripe, secretKey: new Secret('sk_test_canary7f3a_wrong') },
    square: { ...square, appId: 'sandbox-sq0idb-unknown', appSecret: secret },
    quickbooks: { ...quickbooks, clientSecret: secret },
    mailchimp: { ...mailchimp, clientSecret: secret },
    xero: { ...xero, clientSecret: secret },
  };
}
