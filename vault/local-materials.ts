import { createHash } from 'node:crypto';
import { MultiKeyringNode, NodeDefaultCryptographicMaterialsManager } from '@aws-crypto/material-management-node';
import { RawAesKeyringNode, RawAesWrappingSuiteIdentifier } from '@aws-crypto/raw-aes-keyring-node';
import type { NodeMaterialsManager } from '@aws-crypto/material-management-node';
import { LOCAL_KEY_BYTES, decodeLocalKey } from './keyring.ts';
import type { KeyringConfig } from './keyring.ts';
import type { Secret } from './secret.ts';

const NAMESPACE = 'interlock';
/** The name of every local key before keys could be rotated. */
const FORMER_NAME = 'local';
/** Of 64 hex digits; enough to distinguish a machine's few keys. */
const FINGERPRINT_DIGITS = 16;

/**
 * Data keys wrapped by keys of this process, for development. Throws Error when a key is not 32 bytes, without quoting
 * it.
 */
export function localMaterials({
  key,
  otherKeys = [],
}: Extract<KeyringConfig, { kind: 'local' }>): NodeMaterialsManager {
  const current = decode(key);
  // Each keyring tries the messages that carry its key's name. When it cannot unwrap one, the next keyring tries.
  const keyrings = [current, ...otherKeys.map(decode)].flatMap((bytes) => [
    aKeyring(nameOf(bytes), bytes),
    aKeyring(FORMER_NAME, bytes),
  ]);
  const sealing = new NodeDefaultCryptographicMaterialsManager(aKeyring(nameOf(current), current));
  const opening = new NodeDefaultCryptographicMaterialsManager(new MultiKeyringNode({ children: keyrings }));
  return {
    getEncryptionMaterials: (request) => sealing.getEncryptionMaterials(request),
    decryptMaterials: (request) => opening.decryptMaterials(request),
  };
}

function decode(key: Secret): Uint8Array {
  const bytes = decodeLocalKey(key.expose());
  if (!bytes) throw new Error(`a local wrapping key is ${LOCAL_KEY_BYTES} bytes in base64 or hex`);
  return bytes;
}

/** The name is public in every message. A digest of 256 random bits reveals nothing about them. */
const nameOf = (bytes: Uint8Array): string =>
  `key-${createHash('sha256').update(bytes).digest('hex').slice(0, FINGERPRINT_DIGITS)}`;

function aKeyring(keyName: string, unencryptedMasterKey: Uint8Array): RawAesKeyringNode {
  const wrappingSuite = RawAesWrappingSuiteIdentifier.AES256_GCM_IV12_TAG16_NO_PADDING;
  // Pass a copy because the library zeroes its input.
  return new RawAesKeyringNode({
    keyNamespace: NAMESPACE,
    keyName,
    unencryptedMasterKey: Uint8Array.from(unencryptedMasterKey),
    wrappingSuite,
  });
}
