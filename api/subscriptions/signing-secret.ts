import { randomBytes } from 'node:crypto';
import type { SubscriptionRef } from '../../contracts/ids.ts';
import type { SealedSecret } from '../../contracts/vault.ts';
import { Secret } from '../../vault/secret.ts';
import { VaultError } from '../../vault/vault-error.ts';
import type { Sealer } from '../../vault/vault.ts';
import { ApiError } from '../errors/api-error.ts';

/**
 * A multiple of three, so that base64 needs no padding, and in its standard alphabet: libraries that verify differ over
 * every other spelling (findings/standard-webhooks-secret-spellings.sh). The specification asks for 24 to 64 bytes.
 */
const SECRET_BYTES = 48;
const VAULT_RETRY_AFTER_MS = 5_000;

export interface NewSecret {
  readonly secret: Secret;
  readonly sealedSecret: SealedSecret;
}

/** Makes a secret that signs a subscription's messages. Throws ApiError `vault-unavailable`. */
export async function newSigningSecret(
  sealer: Sealer,
  { venueId, subscriptionId }: SubscriptionRef,
): Promise<NewSecret> {
  const secret = new Secret(`whsec_${randomBytes(SECRET_BYTES).toString('base64')}`);
  try {
    const sealedSecret = await sealer.seal(secret, { venueId, subscriptionId, purpose: 'webhook-signing-secret' });
    return { secret, sealedSecret };
  } catch (error) {
    if (!(error instanceof VaultError) || error.kind !== 'key-service-unavailable') throw error;
    throw new ApiError('vault-unavailable', 'The key service cannot be reached.', {
      cause: error,
      retryAfterMs: VAULT_RETRY_AFTER_MS,
    });
  }
}
