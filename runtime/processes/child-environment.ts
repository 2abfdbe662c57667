import type { Env } from '../start/home.ts';
import type { Sandbox } from '../start/sandbox.ts';
import type { LocalSecrets } from '../start/secrets.ts';

/** Where everything is, as far as the services need to know. */
export interface Addresses {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
  readonly sandbox: Sandbox;
  readonly apiPort: number;
  readonly workerHealthPort: number;
}

/** A little more than the life of the token in started.json. */
const MAX_TOKEN_LIFE_S = 31 * 24 * 3_600;

/** The environment of api and worker: what the user set, and this copy's own values for the rest. */
export function serviceEnvironment(env: Env, addresses: Addresses, secrets: LocalSecrets): Env {
  return {
    ...env,
    ...unlessSet(env, 'TEMPORAL_UI_URL', addresses.temporalUiUrl ?? undefined),
    ...providerEnvironment(env, addresses.sandbox),
    ...keyring(env, secrets),
    ...unlessSet(env, 'JWT_MAX_LIFE_SECONDS', String(MAX_TOKEN_LIFE_S)),
    ...(isSet(env, 'JWT_JWKS_URL') ? {} : unlessSet(env, 'JWT_SECRET', secrets.jwtSecret)),
    DATABASE_URL: addresses.databaseUrl,
    TEMPORAL_ADDRESS: addresses.temporalAddress,
    PORT: String(addresses.apiPort),
    HEALTH_PORT: String(addresses.workerHealthPort),
  };
}

/** Where the service takes webhooks: under the address that it believes to have, which Square's signature covers. */
export function webhooksUrl(env: Env, apiPort: number): string {
  const host = env['HOST'] || '127.0.0.1';
  const publicUrl = env['PUBLIC_URL'] || `http://${host.includes(':') ? `[${host}]` : host}:${apiPort}`;
  return `${publicUrl.replace(/\/+$/, '')}/webhooks`;
}

export function isSet(env: Env, name: string): boolean {
  return (env[name] ?? '') !== '';
}

/** The stand-ins, and the apps that they know us as. One variable of a provider that the user has set means the real one, or a stand-in of their own. */
export function providerEnvironment(env: Env, { stripe, square, quickbooks, mailchimp }: Sandbox): Env {
  const { connectUrl, marketplaceUrl, connectClientId, appClientId, platformKey, webhookSecret } = stripe;
  const stripeOAuth = {
    STRIPE_CONNECT_URL: connectUrl,
    STRIPE_MARKETPLACE_URL: marketplaceUrl,
    STRIPE_CLIENT_ID: connectClientId,
    STRIPE_APP_CLIENT_ID: appClientId,
    STRIPE_SECRET_KEY: platformKey,
    STRIPE_WEBHOOK_SECRET: webhookSecret,
  };
  return {
    ...(isSet(env, 'STRIPE_API_URL') ? {} : { STRIPE_API_URL: stripe.apiUrl, ...unlessAnySet(env, stripeOAuth) }),
    ...unlessAnySet(env, {
      SQUARE_API_URL: square.apiUrl,
      SQUARE_APP_ID: square.clientId,
      SQUARE_APP_SECRET: square.clientSecret,
      SQUARE_WEBHOOK_SIGNATURE_KEY: square.webhookSecret,
      SQUARE_SANDBOX: 'true',
    }),
    ...unlessAnySet(env, {
      QUICKBOOKS_API_URL: quickbooks.apiUrl,
      QUICKBOOKS_AUTHORIZE_URL: quickbooks.authorizeUrl,
      QUICKBOOKS_TOKEN_URL: quickbooks.tokenUrl,
      QUICKBOOKS_REVOKE_URL: quickbooks.revokeUrl,
      QUICKBOOKS_CLIENT_ID: quickbooks.clientId,
      QUICKBOOKS_CLIENT_SECRET: quickbooks.clientSecret,
      QUICKBOOKS_SANDBOX: 'true',
    }),
    ...unlessAnySet(env, {
      MAILCHIMP_API_URL: mailchimp.apiUrl,
      MAILCHIMP_LOGIN_URL: mailchimp.apiUrl,
      MAILCHIMP_CLIENT_ID: mailchimp.clientId,
      MAILCHIMP_CLIENT_SECRET: mailchimp.clientSecret,
    }),
  };
}

function unlessAnySet(env: Env, values: Readonly<Record<string, string>>): Env {
  return Object.keys(values).some((name) => isSet(env, name)) ? {} : values;
}

/** A KMS key, when there is one; otherwise the development keyring, and its key unless the user has one. */
function keyring(env: Env, secrets: LocalSecrets): Env {
  if (isSet(env, 'AWS_KMS_KEY_ID') || env['MOCK_KMS'] === 'false') return {};
  return { MOCK_KMS: 'true', ...unlessSet(env, 'ENCRYPTION_KEY', secrets.encryptionKey) };
}

function unlessSet(env: Env, name: string, value: string | undefined): Env {
  return isSet(env, name) || value === undefined ? {} : { [name]: value };
}
