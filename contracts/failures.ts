/** Failure types as workflow histories store them. Add freely; never rename one. */
export const FAILURE = {
  connectionGone: 'ConnectionGone',
  needsReauth: 'NeedsReauth',
  rateLimited: 'RateLimited',
  quotaExhausted: 'QuotaExhausted',
  conflict: 'ProviderConflict',
  rejected: 'ProviderRejected',
  unavailable: 'ProviderUnavailable',
  unexpectedResponse: 'ProviderUnexpectedResponse',
  /** The sealed credentials cannot be opened: tampered with, moved, or sealed under another key. */
  credentialsUnreadable: 'CredentialsUnreadable',
  /** The key service does not answer, or does not serve the key: what is sealed stays sealed until it does. */
  keyServiceUnavailable: 'KeyServiceUnavailable',
  /** This worker's key is not the one that a rotation brings secrets under: another worker has it, or will. */
  otherKey: 'OtherVaultKey',
  /** A newer attempt took the run over: this one must stop without touching anything. */
  superseded: 'Superseded',
  /** The run row that the workflow was started for is not there, or another run of the same sync is open. */
  runUnavailable: 'SyncRunUnavailable',
} as const;

export type FailureType = (typeof FAILURE)[keyof typeof FAILURE];
