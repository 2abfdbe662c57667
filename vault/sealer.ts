import { buildEncrypt } from '@aws-crypto/encrypt-node';
import { NodeAlgorithmSuite } from '@aws-crypto/material-management-node';
import type { NodeMaterialsManager } from '@aws-crypto/material-management-node';
import type { SealContext, SealedSecret } from '../contracts/vault.ts';
import type { KeyringConfig } from './keyring.ts';
import { createMaterials } from './materials.ts';
import type { VaultOptions } from './materials.ts';
import { CLIENT_OPTIONS, SUITE, toEncryptionContext } from './message.ts';
import { VaultError } from './vault-error.ts';
import type { Secret } from './secret.ts';
import type { PreparingSealer } from './vault.ts';

/** Counted against the cache's byte limit for a secret whose length is not yet known. */
const EXPECTED_BYTES = 4_096;

/**
 * Seals under the keyring. With KMS it needs `kms:GenerateDataKey`, and it cannot open. Its methods throw VaultError.
 */
export function createSealer(keyring: KeyringConfig, options: VaultOptions = {}): PreparingSealer {
  const { encrypt } = buildEncrypt(CLIENT_OPTIONS);
  const materials = createMaterials(keyring, options);
  const sealWith = (source: NodeMaterialsManager, plaintext: Secret, context: SealContext) =>
    guarded(async () => {
      const { result } = await encrypt(source, Buffer.from(plaintext.expose(), 'utf8'), {
        suiteId: SUITE,
        encryptionContext: toEncryptionContext(context),
      });
      return result as Uint8Array as SealedSecret;
    });
  return {
    seal: (plaintext, context) => sealWith(materials, plaintext, context),

    prepare: (context) =>
      guarded(async () => {
        const request = {
          suite: new NodeAlgorithmSuite(SUITE),
          encryptionContext: { ...toEncryptionContext(context) },
          plaintextLength: EXPECTED_BYTES,
          commitmentPolicy: CLIENT_OPTIONS.commitmentPolicy,
        };
        const material = await materials.getEncryptionMaterials(request);
        const inHand: NodeMaterialsManager = {
          getEncryptionMaterials: () => Promise.resolve(material),
          decryptMaterials: () => Promise.reject(new VaultError('cannot-open')),
        };
        return (plaintext) => sealWith(inHand, plaintext, context);
      }),
  };
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof VaultError ? new VaultError(error.kind, error.code) : new VaultError('cannot-seal');
  }
}
