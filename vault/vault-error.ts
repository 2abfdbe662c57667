/**
 * - `cannot-open`: tampered with, moved from another venue, connection or purpose, or sealed under another key.
 * Retrying does not help.
 * - `cannot-seal`: the key cannot be used for sealing. Retrying does not help.
 * - `key-service-unavailable`: the key service did not answer, or refused to use this key. Retrying later may help.
 */
export type VaultErrorKind = 'cannot-open' | 'cannot-seal' | 'key-service-unavailable';

const MESSAGES: Readonly<Record<VaultErrorKind, string>> = {
  'cannot-open': 'the sealed secret cannot be opened here',
  'cannot-seal': 'the secret cannot be sealed',
  'key-service-unavailable': 'the key service is unavailable',
};

/**
 * The only error the vault throws. It deliberately has no cause, because the library's errors quote the key service's
 * answers.
 */
export class VaultError extends Error {
  override readonly name = 'VaultError';
  readonly kind: VaultErrorKind;
  /** The key service's own error code, such as `ThrottlingException` or `ECONNREFUSED`; never free text. */
  readonly code: string | null;

  constructor(kind: VaultErrorKind, code: string | null = null) {
    super(`${MESSAGES[kind]}${code ? ` (${code})` : ''}`);
    this.kind = kind;
    this.code = code;
  }
}
