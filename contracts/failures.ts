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
  /** A newer attempt took the run over: this one must stop without touching anything. */
  superseded: 'Superseded',
  /** The run row that the workflow was started for is not there, or another run of the same sync is open. */
  runUnavailable: 'SyncRunUnavailable',
} as const;

export type FailureType = (typeof FAILURE)[keyof typeof FAILURE];
