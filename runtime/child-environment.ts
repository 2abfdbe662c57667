import type { Env } from './home.ts';
import type { LocalSecrets } from './secrets.ts';

/** Where everything is, as far as the services need to know. */
export interface Addresses {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
  readonly stripeApiUrl: string;
  readonly apiPort: number;
  readonly workerHealthPort: number;
}

/** The environment of api and worker: what the user set, and this copy's own values for the rest. */
export function serviceEnvironment(env: Env, addresses: Addresses, secrets: LocalSecrets): Env {
  return {
    ...env,
    ...unlessSet(env, 'TEMPORAL_UI_URL', addresses.temporalUiUrl ?? undefined),
    ...unlessSet(env, 'STRIPE_API_URL', addresses.stripeApiUrl),
    ...keyring(env, secrets),
    ...(isSet(env, 'JWT_JWKS_URL') ? {} : unlessSet(env, 'JWT_SECRET', secrets.jwtSecret)),
    DATABASE_URL: addresses.databaseUrl,
    TEMPORAL_ADDRESS: addresses.temporalAddress,
    PORT: String(addresses.apiPort),
    HEALTH_PORT: String(addresses.workerHealthPort),
  };
}

export function isSet(env: Env, name: string): boolean {
  return (env[name] ?? '') !== '';
}

/** A KMS key, when there is one; otherwise the development keyring, and its key unless the user has one. */
function keyring(env: Env, secrets: LocalSecrets): Env {
  if (isSet(env, 'AWS_KMS_KEY_ID') || env['MOCK_KMS'] === 'false') return {};
  return { MOCK_KMS: 'true', ...unlessSet(env, 'ENCRYPTION_KEY', secrets.encryptionKey) };
}

function unlessSet(env: Env, name: string, value: string | undefined): Env {
  return isSet(env, name) || value === undefined ? {} : { [name]: value };
}
