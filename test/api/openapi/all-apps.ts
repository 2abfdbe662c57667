import type { TestSettings } from '../../support/test-providers.ts';
import { Secret } from '../../../vault/secret.ts';

/** Settings of an installation with an app at every provider. Tests do not open the consent pages. */
export function allApps(stripeApiUrl: string): Required<TestSettings> {
  const secret = new Secret('an app’s own secret');
  const url = (name: string) => `https://${name}.test`;
  return {
    stripe: {
      apiUrl: stripeApiUrl,
      requestsPerSecond: 2_000,
      connectUrl: url('connect.stripe'),
      marketplaceUrl: url('marketplace.stripe'),
      secretKey: secret,
      clientId: 'ca_connect',
      appClientId: 'ca_app',
    },
    square: { apiUrl: url('square'), sandbox: true, appId: 'square-app', appSecret: secret },
    quickbooks: {
      apiUrl: url('quickbooks'),
      authorizeUrl: url('authorize.intuit'),
      tokenUrl: url('token.intuit'),
      revokeUrl: url('revoke.intuit'),
      sandbox: true,
      clientId: 'intuit-app',
      clientSecret: secret,
    },
    mailchimp: {
      loginUrl: url('login.mailchimp'),
      apiUrl: url('mailchimp'),
      clientId: 'mailchimp-app',
      clientSecret: secret,
    },
    xero: {
      apiUrl: url('xero'),
      authorizeUrl: url('login.xero'),
      tokenUrl: url('identity.xero'),
      clientId: 'xero-app',
      clientSecret: secret,
    },
  };
}
