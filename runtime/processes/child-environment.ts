import type { Env } from '../start/home.ts';
import type { Sandbox } from '../start/sandbox.ts';
import type { LocalSecrets } from '../start/secrets.ts';

/** The addresses of everything the services use. */
export interface Addresses {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
  readonly sandbox: Sandbox;
  readonly apiPort: number;
  readonly workerHealthPort: number;
}

/** Slightly longer than the lifetime of the token in started.json. */
const MAX_TOKEN_LIFE_S = 31 * 24 * 3_600;

/** The environment of api and worker: the user's values, and this copy's own for the rest. */
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

/**
 * The base URL of our webhook endpoints. Square's signature covers the URL, so this must be the address the API
 * believes it has.
 */
export function webhooksUrl(env: Env, apiPort: number): string {
  const host = env['HOST'] || '127.0.0.1';
  const publicUrl = env['PUBLIC_URL'] || `http://${host.includes(':') ? `[${host}]` : host}:${apiPort}`;
  return `${publicUrl.replace(/\/+$/, '')}/webhooks`;
}

export function isSet(env: Env, name: string): boolean {
  return (env[name] ?? '') !== '';
}

/**
 * The settings of the stand-ins and their apps for us. If the user set any variable of a provider, that provider's
 * settings stay theirs: they mean the real provider or their own stand-in.
 */
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

/** A KMS key if one is set; otherwise the development keyring, with the user's key or this copy's own. */
function keyring(env: Env, secrets: LocalSecrets): Env {
  if (isSet(env, 'AWS_KMS_KEY_ID') || env['MOCK_KMS'] === 'false') return {};
  return { MOCK_KMS: 'true', ...unlessSet(env, 'ENCRYPTION_KEY', secrets.encryptionKey) };
}

function unlessSet(env: Env, name: string, value: string | undefined): Env {
  return isSet(env, name) || value === undefined ? {} : { [name]: value };
}
