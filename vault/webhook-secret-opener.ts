import type { ConnectionRef } from '../contracts/ids.ts';
import type { SealedSecret } from '../contracts/vault.ts';
import type { KeyringConfig } from './keyring.ts';
import type { VaultOptions } from './materials.ts';
import { createOpener } from './opener.ts';
import type { Secret } from './secret.ts';

/**
 * Opens the secrets that webhooks of a connection are signed with, and nothing else. The api process gets it, because a
 * signature has to be checked before the event is acknowledged.
 */
export interface WebhookSecretOpener {
  /** Throws VaultError. */
  openSigningSecrets(sealed: SealedSecret, ref: ConnectionRef): Promise<Secret>;
}

/**
 * With KMS it needs `kms:Decrypt` where the encryption context's `purpose` is `provider-webhook-secrets`: the policy of
 * the API's role lets it open nothing else (docs/operations/deployment.md).
 */
export function createWebhookSecretOpener(keyring: KeyringConfig, options: VaultOptions = {}): WebhookSecretOpener {
  const opener = createOpener(keyring, options);
  return {
    openSigningSecrets: (sealed, { venueId, connectionId }) =>
      opener.open(sealed, { venueId, connectionId, purpose: 'provider-webhook-secrets' }),
  };
}
