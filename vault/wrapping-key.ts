import { randomUUID } from 'node:crypto';
import { buildDecrypt } from '@aws-crypto/decrypt-node';
import type { EncryptedDataKey, NodeMaterialsManager } from '@aws-crypto/material-management-node';
import type { ConnectionId, VenueId } from '../contracts/ids.ts';
import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import { CLIENT_OPTIONS } from './message.ts';
import { Secret } from './secret.ts';
import { VaultError } from './vault-error.ts';
import type { Opener, Sealer } from './vault.ts';

const PROBE = 'probe';

/**
 * Name of the key that wraps a sealed secret: a key ARN, or a local key's fingerprint. Reads it from the header without
 * opening the secret, so it is unverified. Null when it cannot be read.
 */
export async function wrappingKeyOf(sealed: SealedSecret): Promise<string | null> {
  const { decrypt } = buildDecrypt(CLIENT_OPTIONS);
  const reader = new HeaderReader();
  // Always fails, because the reader only records the key and supplies none.
  await decrypt(reader, sealed).catch(() => undefined);
  return reader.key === null ? null : nameOf(reader.key);
}

/** Name of the key that the sealer seals under. Makes one key service call; throws VaultError. */
export async function currentKeyOf(sealer: Sealer): Promise<string> {
  return nameIn(await sealer.seal(new Secret(PROBE), aProbeContext()));
}

/** Like `currentKeyOf`, and verifies that a newly sealed secret opens. Throws VaultError. */
export async function provenKeyOf(sealer: Sealer, opener: Opener): Promise<string> {
  const context = aProbeContext();
  const sealed = await sealer.seal(new Secret(PROBE), context);
  const opened = await opener.open(sealed, context);
  if (opened.expose() !== PROBE) throw new VaultError('cannot-open');
  return nameIn(sealed);
}

/** Implements the library's materials manager: `decrypt` asks it for the data key of a message. */
class HeaderReader implements NodeMaterialsManager {
  key: EncryptedDataKey | null = null;

  getEncryptionMaterials(): never {
    throw new Error('only reads headers');
  }

  decryptMaterials({ encryptedDataKeys }: Parameters<NodeMaterialsManager['decryptMaterials']>[0]): never {
    this.key = encryptedDataKeys[0] ?? null;
    throw new Error('only reads headers');
  }
}

/** In a raw keyring's provider info, a zero byte follows the name, then the lengths and nonce of the wrapping. */
function nameOf({ providerInfo }: EncryptedDataKey): string {
  return providerInfo.split('\0')[0] ?? '';
}

async function nameIn(sealed: SealedSecret): Promise<string> {
  const name = await wrappingKeyOf(sealed);
  if (name === null) throw new VaultError('cannot-seal');
  return name;
}

/** New ids each time, so that the key service answers rather than a cached data key. */
const aProbeContext = (): SealContext => ({
  venueId: randomUUID() as string as VenueId,
  connectionId: randomUUID() as string as ConnectionId,
  purpose: 'probe',
});
