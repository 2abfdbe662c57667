import type { NodeAlgorithmSuite, NodeMaterialsManager } from '@aws-crypto/client-node';

type EncryptionRequest = Parameters<NodeMaterialsManager['getEncryptionMaterials']>[0];
type DecryptionRequest = Parameters<NodeMaterialsManager['decryptMaterials']>[0];

/**
 * Stands before a caching materials manager, which asks the key service once for every miss, however many misses of the same data
 * key there are at the same moment. Here the first asks, and the others wait for it and then find the key in the cache; when the
 * first fails they fail with it, so an outage is not met with a burst of calls.
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
      // Not the first one's material: whoever uses material zeroes it, and the cache hands out copies.
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

/** Unequal for unequal requests, so that a tampered message can never make a sound one wait for it and fail with it. */
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
