import type { Environment as ProviderEnvironment } from '../contracts/providers.ts';
import type { Secret } from '../vault/secret.ts';
import type { Environment } from './environment.ts';
import type { VariableName } from './variables.ts';

/** Where the providers are, and as which app we come to each. Null where no app is set up. */
export type ProvidersConfig = ReturnType<typeof providersOf>;

/** An app is set up whole or not at all. */
export function requireWholeApps(environment: Environment): void {
  const stripeIds = (['STRIPE_CLIENT_ID', 'STRIPE_APP_CLIENT_ID'] as const).filter((name) => environment.isSet(name));
  // Alone the key is let pass, unused: operators of the predecessor have it set.
  if (stripeIds.length > 0) environment.require('STRIPE_SECRET_KEY', `when ${stripeIds.join(' or ')} is set`);
  requireWith(environment, 'SQUARE_APP_SECRET', 'SQUARE_APP_ID');
  requireBoth(environment, 'QUICKBOOKS_CLIENT_ID', 'QUICKBOOKS_CLIENT_SECRET');
  requireBoth(environment, 'MAILCHIMP_CLIENT_ID', 'MAILCHIMP_CLIENT_SECRET');
}

function requireBoth(environment: Environment, one: VariableName, other: VariableName): void {
  requireWith(environment, one, other);
  requireWith(environment, other, one);
}

function requireWith(environment: Environment, given: VariableName, needed: VariableName): void {
  if (environment.isSet(given)) environment.require(needed, `when ${given} is set`);
}

export function providersOf(environment: Environment) {
  return {
    stripe: stripeOf(environment),
    square: squareOf(environment),
    quickbooks: quickbooksOf(environment),
    mailchimp: mailchimpOf(environment),
  };
}

function stripeOf(environment: Environment) {
  const secretKey = environment.get('STRIPE_SECRET_KEY');
  const webhookSecret = environment.get('STRIPE_WEBHOOK_SECRET');
  return {
    apiUrl: environment.certain('STRIPE_API_URL'),
    // Null where the built-in budget holds.
    requestsPerSecond: environment.get('STRIPE_REQUESTS_PER_SECOND') ?? null,
    ...(webhookSecret && { webhookSecret }),
    oauth: secretKey
      ? {
          secretKey,
          connectUrl: environment.certain('STRIPE_CONNECT_URL'),
          marketplaceUrl: environment.certain('STRIPE_MARKETPLACE_URL'),
          connectClientId: environment.get('STRIPE_CLIENT_ID') ?? null,
          appClientId: environment.get('STRIPE_APP_CLIENT_ID') ?? null,
        }
      : null,
  };
}

function squareOf(environment: Environment) {
  const sandbox = environment.certain('SQUARE_SANDBOX');
  const id = environment.get('SQUARE_APP_ID');
  const webhookSignatureKey = environment.get('SQUARE_WEBHOOK_SIGNATURE_KEY');
  return {
    apiUrl: environment.get('SQUARE_API_URL') ?? `https://connect.squareup${sandbox ? 'sandbox' : ''}.com`,
    environment: environmentOf(sandbox),
    // Without the secret, PKCE is left.
    app: id === undefined ? null : { id, secret: environment.get('SQUARE_APP_SECRET') ?? null },
    ...(webhookSignatureKey && { webhookSignatureKey }),
  };
}

function quickbooksOf(environment: Environment) {
  const sandbox = environment.certain('QUICKBOOKS_SANDBOX');
  return {
    apiUrl: environment.get('QUICKBOOKS_API_URL') ?? `https://${sandbox ? 'sandbox-' : ''}quickbooks.api.intuit.com`,
    authorizeUrl: environment.certain('QUICKBOOKS_AUTHORIZE_URL'),
    tokenUrl: environment.certain('QUICKBOOKS_TOKEN_URL'),
    revokeUrl: environment.certain('QUICKBOOKS_REVOKE_URL'),
    environment: environmentOf(sandbox),
    app: appOf(environment.get('QUICKBOOKS_CLIENT_ID'), environment.get('QUICKBOOKS_CLIENT_SECRET')),
  };
}

function mailchimpOf(environment: Environment) {
  return {
    loginUrl: environment.certain('MAILCHIMP_LOGIN_URL'),
    apiUrl: environment.get('MAILCHIMP_API_URL') ?? null,
    app: appOf(environment.get('MAILCHIMP_CLIENT_ID'), environment.get('MAILCHIMP_CLIENT_SECRET')),
  };
}

const environmentOf = (sandbox: boolean): ProviderEnvironment => (sandbox ? 'sandbox' : 'production');

const appOf = (id: string | undefined, secret: Secret | undefined) =>
  id !== undefined && secret ? { id, secret } : null;
