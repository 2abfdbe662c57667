/** Failure types as workflow histories store them. Add freely; never rename one. */
export const FAILURE = {
  connectionGone: 'ConnectionGone',
  needsReauth: 'NeedsReauth',
  /** The account's owner has not granted what the work needs. */
  scopesMissing: 'ScopesMissing',
  /** The provider refused a token that has since been renewed; the next attempt uses the new one. */
  tokenRenewed: 'TokenRenewed',
  rateLimited: 'RateLimited',
  quotaExhausted: 'QuotaExhausted',
  conflict: 'ProviderConflict',
  rejected: 'ProviderRejected',
  unavailable: 'ProviderUnavailable',
  unexpectedResponse: 'ProviderUnexpectedResponse',
  /**
   * This service itself holds the work back: the provider has used up its share of the lane's slots, or an operator's
   * brake is on.
   */
  heldBack: 'ProviderHeldBack',
  /** The sealed credentials cannot be opened: tampered with, moved, or sealed under another key. */
  credentialsUnreadable: 'CredentialsUnreadable',
  /** The key service does not answer or refuses to use the key. Sealed secrets stay sealed until it does. */
  keyServiceUnavailable: 'KeyServiceUnavailable',
  /** This worker's key is not the target of the rotation: another worker has that key, or will have it. */
  otherKey: 'OtherVaultKey',
  /** A newer attempt has taken over the run: this one must stop without any further change. */
  superseded: 'Superseded',
  /** The workflow's run row is missing, or another run of the same sync is open. */
  runUnavailable: 'SyncRunUnavailable',
  /** The workflow ended without storing that: terminated from outside, or lost by Temporal. */
  workflowEnded: 'WorkflowEnded',
  /** The attempt to connect is over or its state was already used; a state works once. */
  authorizationUsed: 'AuthorizationUsed',
} as const;

/** Code in the details of a failure: the call was not made, since the provider is known to be down until `retryAfterMs` have passed. */
export const CIRCUIT_OPEN = 'circuit-open';

export type FailureType = (typeof FAILURE)[keyof typeof FAILURE];
