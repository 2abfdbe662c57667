import type { Env } from '../start/home.ts';
import type { SandboxSettings } from '../start/sandbox.ts';
import type { LocalSecrets } from '../start/secrets.ts';

/** The addresses of everything the services use. */
export interface Addresses {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly temporalUiUrl: string | null;
  readonly sandboxSettings: SandboxSettings;
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
    ...providerEnvironment(env, addresses.sandboxSettings),
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
 * The settings that make api and worker use the stand-ins. A group of which the user has set any variable stays theirs, and so do the groups
 * behind it: they mean the real provider, or their own stand-in or app.
 */
export function providerEnvironment(env: Env, settings: SandboxSettings): Env {
  const ours = Object.values(settings).flatMap((groups) => {
    const theirs = groups.findIndex((group) => Object.keys(group).some((name) => isSet(env, name)));
    return theirs === -1 ? groups : groups.slice(0, theirs);
  });
  return Object.fromEntries(ours.flatMap((group) => Object.entries(group)));
}

/** A KMS key if one is set; otherwise the development keyring, with the user's key or this copy's own. */
function keyring(env: Env, secrets: LocalSecrets): Env {
  if (isSet(env, 'AWS_KMS_KEY_ID') || env['MOCK_KMS'] === 'false') return {};
  return { MOCK_KMS: 'true', ...unlessSet(env, 'ENCRYPTION_KEY', secrets.encryptionKey) };
}

function unlessSet(env: Env, name: string, value: string | undefined): Env {
  return isSet(env, name) || value === undefined ? {} : { [name]: value };
}
