import { randomUUID } from 'node:crypto';
import { buildDecrypt } from '@aws-crypto/client-node';
import type { EncryptedDataKey, NodeMaterialsManager } from '@aws-crypto/client-node';
import type { ConnectionId, VenueId } from '../contracts/ids.ts';
import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import { CLIENT_OPTIONS } from './message.ts';
import { Secret } from './secret.ts';
import { VaultError } from './vault-error.ts';
import type { Opener, Sealer } from './vault.ts';

const PROBE = 'probe';

/**
 * Name of the key that wraps a sealed secret, read from its header without opening it: a key ARN, or a local key's fingerprint.
 * The header is not proven before an opening. Null when it cannot be read.
 */
export async function wrappingKeyOf(sealed: SealedSecret): Promise<string | null> {
  const { decrypt } = buildDecrypt(CLIENT_OPTIONS);
  const reader = new HeaderReader();
  // It always fails: the reader takes the names and gives no key.
  await decrypt(reader, sealed).catch(() => undefined);
  return reader.key === null ? null : nameOf(reader.key);
}

/** Name of the key that the sealer seals under. One call of the key service; throws VaultError. */
export async function currentKeyOf(sealer: Sealer): Promise<string> {
  return nameIn(await sealer.seal(new Secret(PROBE), aProbeContext()));
}

/** As `currentKeyOf`, and proves that what is sealed now can be opened again. Throws VaultError. */
export async function provenKeyOf(sealer: Sealer, opener: Opener): Promise<string> {
  const context = aProbeContext();
  const sealed = await sealer.seal(new Secret(PROBE), context);
  const opened = await opener.open(sealed, context);
  if (opened.expose() !== PROBE) throw new VaultError('cannot-open');
  return nameIn(sealed);
}

/** Library class by shape: `decrypt` asks it for the data key of a message. */
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

/** A raw key's name is followed by the lengths and the nonce of its wrapping, in bytes of which the first is zero. */
function nameOf({ providerInfo }: EncryptedDataKey): string {
  return providerInfo.split('\0')[0] ?? '';
}

async function nameIn(sealed: SealedSecret): Promise<string> {
  const name = await wrappingKeyOf(sealed);
  if (name === null) throw new VaultError('cannot-seal');
  return name;
}

/** New ids each time: no cached data key answers in place of the key service. */
const aProbeContext = (): SealContext => ({
  venueId: randomUUID() as string as VenueId,
  connectionId: randomUUID() as string as ConnectionId,
  purpose: 'probe',
});
