import { buildEncrypt } from '@aws-crypto/client-node';
import type { SealedSecret } from '../contracts/vault.ts';
import type { KeyringConfig } from './keyring.ts';
import { createMaterials } from './materials.ts';
import type { VaultOptions } from './materials.ts';
import { CLIENT_OPTIONS, SUITE, toEncryptionContext } from './message.ts';
import { VaultError } from './vault-error.ts';
import type { Sealer } from './vault.ts';

/** Seals under the keyring; with KMS it needs `kms:GenerateDataKey` and cannot open. `seal` throws VaultError. */
export function createSealer(keyring: KeyringConfig, options: VaultOptions = {}): Sealer {
  const { encrypt } = buildEncrypt(CLIENT_OPTIONS);
  const materials = createMaterials(keyring, options);
  return {
    async seal(plaintext, context) {
      try {
        const { result } = await encrypt(materials, Buffer.from(plaintext.expose(), 'utf8'), { suiteId: SUITE, encryptionContext: toEncryptionContext(context) });
        return result as Uint8Array as SealedSecret;
      } catch (error) {
        throw error instanceof VaultError ? new VaultError(error.kind, error.code) : new VaultError('cannot-seal');
      }
    },
  };
}
