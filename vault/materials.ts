import {
  NodeCachingMaterialsManager,
  getLocalCryptographicMaterialsCache,
} from '@aws-crypto/caching-materials-manager-node';
import type { NodeMaterialsManager } from '@aws-crypto/material-management-node';
import type { KeyringConfig } from './keyring.ts';
import { KMS_TIMEOUTS, KmsMaterials } from './kms-materials.ts';
import type { KmsTimeouts } from './kms-materials.ts';
import { localMaterials } from './local-materials.ts';
import { SharedFlightMaterials } from './shared-flight-materials.ts';

/** How long, and for how much data, one unwrapped data key is reused. */
export interface DataKeyLimits {
  /**
   * Also how long the vault still opens known secrets while KMS is down, and how long a key stays usable after its
   * revocation.
   */
  readonly maxAgeMs: number;
  /**
   * Maximum seals under one data key. Each message derives its own key from it, so this bounds damage, not nonce reuse.
   */
  readonly maxMessages: number;
  /** Maximum plaintext bytes sealed under one data key. */
  readonly maxBytes: number;
  /** Data keys in memory, about 1 KiB each. The least recently used is zeroed and dropped. */
  readonly capacity: number;
}

const DATA_KEY_LIMITS: DataKeyLimits = {
  maxAgeMs: 15 * 60_000,
  maxMessages: 1_000,
  maxBytes: 1_048_576,
  capacity: 10_000,
};

export interface VaultOptions {
  readonly dataKeys?: Partial<DataKeyLimits>;
  readonly kms?: Partial<KmsTimeouts>;
}

/**
 * Builds the source of data keys: keyring, then cache, then one call at a time per data key. Throws Error when a local
 * key is not 32 bytes.
 */
export function createMaterials(keyring: KeyringConfig, options: VaultOptions = {}): NodeMaterialsManager {
  const limits = { ...DATA_KEY_LIMITS, ...options.dataKeys };
  const cache = new NodeCachingMaterialsManager({
    backingMaterials:
      keyring.kind === 'kms' ? new KmsMaterials(keyring, { ...KMS_TIMEOUTS, ...options.kms }) : localMaterials(keyring),
    cache: getLocalCryptographicMaterialsCache(limits.capacity),
    maxAge: limits.maxAgeMs,
    maxMessagesEncrypted: limits.maxMessages,
    maxBytesEncrypted: limits.maxBytes,
  });
  return new SharedFlightMaterials(cache);
}
