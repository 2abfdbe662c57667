import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';
import type { ConnectionId, VenueId } from '../../contracts/ids.ts';
import type { ConnectionSealContext } from '../../contracts/vault.ts';
import type { KeyringConfig } from '../../vault/keyring.ts';
import { Secret } from '../../vault/secret.ts';
import { VaultError } from '../../vault/vault-error.ts';

export const aContext = (changes: Partial<ConnectionSealContext> = {}): ConnectionSealContext => ({
  venueId: v7() as VenueId,
  connectionId: v7() as ConnectionId,
  purpose: 'provider-api-key',
  ...changes,
});

export const aLocalKeyring = (): KeyringConfig => ({
  kind: 'local',
  key: new Secret(randomBytes(32).toString('base64')),
});

/** The VaultError that a promise rejects with. Any other outcome fails the test. */
export async function vaultErrorOf(promise: Promise<unknown>): Promise<VaultError> {
  const outcome: unknown = await promise.then(
    () => new Error('nothing failed'),
    (error: unknown) => error,
  );
  if (outcome instanceof VaultError) return outcome;
  throw outcome;
}
