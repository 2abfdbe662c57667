import type { NodeAlgorithmSuite, NodeMaterialsManager } from '@aws-crypto/material-management-node';

type EncryptionRequest = Parameters<NodeMaterialsManager['getEncryptionMaterials']>[0];
type DecryptionRequest = Parameters<NodeMaterialsManager['decryptMaterials']>[0];

/**
 * Wraps a caching materials manager, which would otherwise call the key service for every concurrent miss of one data
 * key. Here the first caller calls the key service and the others wait, then find the key in the cache. When the first
 * call fails they fail with it, so that an outage causes no burst of calls.
 */
export class SharedFlightMaterials implements NodeMaterialsManager {
  readonly #cache: NodeMaterialsManager;
  readonly #inFlight = new Map<string, Promise<unknown>>();

  constructor(cache: NodeMaterialsManager) {
    this.#cache = cache;
  }

  getEncryptionMaterials(request: EncryptionRequest) {
    return this.#share(flightKey('encrypt', request), () => this.#cache.getEncryptionMaterials(request));
  }

  decryptMaterials(request: DecryptionRequest) {
    const dataKeys = request.encryptedDataKeys.map((key) => [
      key.providerId,
      key.providerInfo,
      Buffer.from(key.encryptedDataKey).toString('base64'),
    ]);
    return this.#share(flightKey('decrypt', request, dataKeys), () => this.#cache.decryptMaterials(request));
  }

  async #share<Material>(key: string, obtain: () => Promise<Material>): Promise<Material> {
    const first = this.#inFlight.get(key);
    if (first) {
      await first;
      // Not the first caller's material: its user zeroes it, and the cache hands out copies.
      return obtain();
    }
    const flight = obtain();
    this.#inFlight.set(key, flight);
    try {
      return await flight;
    } finally {
      this.#inFlight.delete(key);
    }
  }
}

/** Differs for different requests, so that a valid message never waits for a tampered one and fails with it. */
function flightKey(
  operation: 'encrypt' | 'decrypt',
  {
    suite,
    encryptionContext,
  }: { readonly suite?: NodeAlgorithmSuite; readonly encryptionContext: Readonly<Record<string, string>> },
  dataKeys: readonly (readonly string[])[] = [],
): string {
  return JSON.stringify([operation, suite?.id ?? null, Object.entries(encryptionContext).sort(), dataKeys]);
}
