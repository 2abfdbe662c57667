import { buildDecrypt } from '@aws-crypto/decrypt-node';
import type { KeyringConfig } from './keyring.ts';
import { createMaterials } from './materials.ts';
import type { VaultOptions } from './materials.ts';
import { CLIENT_OPTIONS, SUITE, toEncryptionContext } from './message.ts';
import { Secret } from './secret.ts';
import { VaultError } from './vault-error.ts';
import type { Opener } from './vault.ts';

/**
 * Opens secrets sealed by a sealer with the same keyring for exactly this context. With KMS it needs `kms:Decrypt`.
 * `open` throws VaultError.
 */
export function createOpener(keyring: KeyringConfig, options: VaultOptions = {}): Opener {
  const { decrypt } = buildDecrypt(CLIENT_OPTIONS);
  const materials = createMaterials(keyring, options);
  return {
    async open(sealed, context) {
      const { plaintext, messageHeader } = await decrypt(materials, sealed).catch((error: unknown) => {
        // Create an error per caller: callers waiting for one KMS call would otherwise share one stack trace.
        throw error instanceof VaultError ? new VaultError(error.kind, error.code) : new VaultError('cannot-open');
      });
      // The library proves that the message has the context it was sealed with, not that this is the requested context.
      if (
        messageHeader.suiteId !== SUITE ||
        !sameEntries(messageHeader.encryptionContext, toEncryptionContext(context))
      )
        throw new VaultError('cannot-open');
      return new Secret(plaintext.toString('utf8'));
    },
  };
}

function sameEntries(actual: Readonly<Record<string, string>>, expected: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(expected);
  return (
    Object.keys(actual).length === names.length &&
    names.every((name) => Object.hasOwn(actual, name) && actual[name] === expected[name])
  );
}
