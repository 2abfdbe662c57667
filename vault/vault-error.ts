export const VAULT_ERROR_KINDS = ['cannot-open', 'cannot-seal', 'key-service-unavailable'] as const;

/**
 * - `cannot-open`: tampered with, moved from another venue, connection or purpose, or sealed under another key. Trying again is no use.
 * - `cannot-seal`: the key is of no use for sealing. Trying again is no use.
 * - `key-service-unavailable`: the key service did not answer, or would not serve this key. Trying again later may help.
 */
export type VaultErrorKind = (typeof VAULT_ERROR_KINDS)[number];

const MESSAGES: Readonly<Record<VaultErrorKind, string>> = {
  'cannot-open': 'the sealed secret cannot be opened here',
  'cannot-seal': 'the secret cannot be sealed',
  'key-service-unavailable': 'the key service is unavailable',
};

/** The one error the vault throws. It has no cause on purpose: the library's errors quote what the key service answered. */
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
