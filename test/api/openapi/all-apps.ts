import type { ProvidersConfig } from '../../../providers/registry.ts';
import { Secret } from '../../../vault/secret.ts';

/** As of an installation that has an app at every provider. The pages of consent are not opened here. */
export function allApps(stripeApiUrl: string): Required<ProvidersConfig> {
  const secret = new Secret('an app’s own secret');
  const url = (name: string) => `https://${name}.test`;
  return {
    stripe: {
      apiUrl: stripeApiUrl,
      requestsPerSecond: 2_000,
      oauth: {
        connectUrl: url('connect.stripe'),
        marketplaceUrl: url('marketplace.stripe'),
        secretKey: secret,
        connectClientId: 'ca_connect',
        appClientId: 'ca_app',
      },
    },
    square: { apiUrl: url('square'), environment: 'sandbox', app: { id: 'square-app', secret } },
    quickbooks: {
      apiUrl: url('quickbooks'),
      authorizeUrl: url('authorize.intuit'),
      tokenUrl: url('token.intuit'),
      revokeUrl: url('revoke.intuit'),
      environment: 'sandbox',
      app: { id: 'intuit-app', secret },
    },
    mailchimp: { loginUrl: url('login.mailchimp'), apiUrl: url('mailchimp'), app: { id: 'mailchimp-app', secret } },
  };
}
