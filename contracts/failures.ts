/** Failure types as workflow histories store them. Add freely; never rename one. */
export const FAILURE = {
  connectionGone: 'ConnectionGone',
  needsReauth: 'NeedsReauth',
  /** The provider refused a token that has been renewed since: the next attempt uses the new one. */
  tokenRenewed: 'TokenRenewed',
  rateLimited: 'RateLimited',
  quotaExhausted: 'QuotaExhausted',
  conflict: 'ProviderConflict',
  rejected: 'ProviderRejected',
  unavailable: 'ProviderUnavailable',
  unexpectedResponse: 'ProviderUnexpectedResponse',
  /** This service itself holds the work back: the provider's share of the lane's slots is taken, or an operator's brake is on. */
  heldBack: 'ProviderHeldBack',
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
  /** The attempt to connect is over, or somebody has come back with it before: its state works once. */
  authorizationUsed: 'AuthorizationUsed',
} as const;

export type FailureType = (typeof FAILURE)[keyof typeof FAILURE];
