import type { KMS, KmsKeyringNode, KmsKeyringNodeInput } from '@aws-crypto/kms-keyring-node';
import { NodeDefaultCryptographicMaterialsManager } from '@aws-crypto/material-management-node';
import type { NodeMaterialsManager } from '@aws-crypto/material-management-node';
import type { KeyringConfig } from './keyring.ts';
import { VaultError } from './vault-error.ts';

type KmsClient = Exclude<ReturnType<NonNullable<KmsKeyringNodeInput['clientProvider']>>, false>;

export interface KmsTimeouts {
  readonly connectTimeoutMs: number;
  /** From the last byte of the request to the first byte of the answer. */
  readonly requestTimeoutMs: number;
  /** Includes the first call. */
  readonly maxAttempts: number;
}

/** KMS answers in tens of milliseconds. In the worst case a caller waits about ten seconds for the failure. */
export const KMS_TIMEOUTS: KmsTimeouts = { connectTimeoutMs: 1_000, requestTimeoutMs: 2_000, maxAttempts: 3 };

/**
 * Errors with which KMS refuses the ciphertext itself:
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html#API_Decrypt_Errors (2026-11-21).
 */
const CIPHERTEXT_REFUSED = new Set(['InvalidCiphertextException', 'IncorrectKeyException']);

/**
 * Data keys generated and unwrapped by AWS KMS, one uncached call each. Throws VaultError when KMS causes the failure.
 */
export class KmsMaterials implements NodeMaterialsManager {
  readonly #settings: NonNullable<ConstructorParameters<typeof KMS>[0]>;
  #loaded: Promise<Loaded> | null = null;
  readonly #keyId: string;
  readonly #otherKeyArns: ReadonlySet<string>;

  constructor(
    { keyId, region, endpoint, otherKeyArns = [] }: Extract<KeyringConfig, { kind: 'kms' }>,
    timeouts: KmsTimeouts = KMS_TIMEOUTS,
  ) {
    this.#keyId = keyId;
    this.#otherKeyArns = new Set(otherKeyArns);
    // The keyring calls `kms.decrypt(…)`, which only this aggregated client has; a bare KMSClient does not.
    this.#settings = {
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      maxAttempts: timeouts.maxAttempts,
      requestHandler: {
        connectionTimeout: timeouts.connectTimeoutMs,
        requestTimeout: timeouts.requestTimeoutMs,
        // Without this option the SDK only logs a warning and keeps waiting.
        throwOnRequestTimeout: true,
      },
    };
  }

  getEncryptionMaterials(...[request]: Parameters<NodeMaterialsManager['getEncryptionMaterials']>) {
    return this.#ask(this.#keyId, { generatorKeyId: this.#keyId }, (materials) =>
      materials.getEncryptionMaterials(request),
    );
  }

  decryptMaterials(...[request]: Parameters<NodeMaterialsManager['decryptMaterials']>) {
    // "Discovery" only lifts the library's rule that the message must name the key exactly as configured, which an id
    // or an alias never does. The client pins every call to a configured key and region, whatever the message says: to
    // the current key, unless the message names one of the others.
    const named = request.encryptedDataKeys[0]?.providerInfo;
    const keyId = named !== undefined && this.#otherKeyArns.has(named) ? named : this.#keyId;
    return this.#ask(keyId, { discovery: true }, (materials) => materials.decryptMaterials(request));
  }

  async #ask<Material>(
    keyId: string,
    input: KmsKeyringNodeInput,
    obtain: (materials: NodeMaterialsManager) => Promise<Material>,
  ): Promise<Material> {
    // The keyring flattens KMS errors into one text. Watching the client keeps the error's kind.
    const failures: VaultError[] = [];
    const { kms, KmsKeyringNode } = await (this.#loaded ??= this.#load());
    const client = pinnedClient(kms, keyId, (error) => failures.push(toVaultError(error)));
    const keyring = new KmsKeyringNode({ ...input, clientProvider: () => client });
    try {
      return await obtain(new NodeDefaultCryptographicMaterialsManager(keyring));
    } catch (error) {
      throw failures[0] ?? error;
    }
  }

  /** Loads AWS's clients on first use: a process with a local key never calls them, and they take 5 MiB of its heap. */
  async #load(): Promise<Loaded> {
    const { KMS, KmsKeyringNode } = await import('@aws-crypto/kms-keyring-node');
    return { kms: new KMS(this.#settings), KmsKeyringNode };
  }
}

interface Loaded {
  readonly kms: KMS;
  readonly KmsKeyringNode: typeof KmsKeyringNode;
}

function pinnedClient(kms: KMS, keyId: string, onFailure: (error: unknown) => void): KmsClient {
  const watch = async <Output>(call: Promise<Output>): Promise<Output> => {
    try {
      return await call;
    } catch (error) {
      onFailure(error);
      throw error;
    }
  };
  const pinned = { KeyId: keyId };
  // The SDK's outputs may hold an explicit undefined and the keyring's types may not. The keyring checks every field
  // that it uses.
  return {
    generateDataKey: (input) => watch(kms.generateDataKey({ ...input, ...pinned })),
    decrypt: (input) => watch(kms.decrypt({ ...input, ...pinned })),
    encrypt: (input) => watch(kms.encrypt({ ...input, ...pinned })),
  } as KmsClient;
}

function toVaultError(error: unknown): VaultError {
  const { name, code } = error instanceof Error ? (error as Error & { readonly code?: unknown }) : { name: '' };
  const known =
    [code, name].find((text): text is string => typeof text === 'string' && /^\w{1,64}$/.test(text)) ?? null;
  return new VaultError(CIPHERTEXT_REFUSED.has(name) ? 'cannot-open' : 'key-service-unavailable', known);
}
