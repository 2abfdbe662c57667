import { FAILURE } from '../../contracts/failures.ts';

export interface GrantAdvice {
  readonly cause: string;
  /** What a person should do next. */
  readonly nextAction: string;
}

/** Why a grant has ended. */
export type RevocationReason = 'grant-refused' | 'refresh-response-lost' | 'revoked-at-provider' | 'access-refused';

const APPROVE_AGAIN =
  'Have the account’s owner approve the access again: reauthorize the connection. Waiting runs then go on by themselves.';

const REVOCATION_REASONS: Readonly<Record<RevocationReason, string>> = {
  'grant-refused':
    'The provider no longer accepts the access that was granted: it was taken back there, or has expired.',
  'refresh-response-lost':
    'The provider’s answer to a token refresh was lost on the way, and the provider does not repeat it.',
  'revoked-at-provider': 'The access was taken back at the provider.',
  'access-refused': 'The provider no longer accepts the stored credentials.',
};

export const describeRevocation = (reason: RevocationReason): GrantAdvice => ({
  cause: REVOCATION_REASONS[reason],
  nextAction: APPROVE_AGAIN,
});

const NOTHING_TO_DO = 'Nothing: it is tried again until it works.';

/** The advice on a connection whose token cannot be refreshed. `tokenEnded` means that syncs wait meanwhile. */
export function explainTrouble(errorType: string, tokenEnded: boolean): GrantAdvice {
  const meanwhile = tokenEnded ? 'Its token has ended, so syncs wait.' : 'Its token is still good, so syncs go on.';
  if (errorType === FAILURE.keyServiceUnavailable)
    return {
      cause: `The key service that guards the credentials does not answer. ${meanwhile}`,
      nextAction: 'Tell an operator: docs/operations/kms-unavailable.md.',
    };
  if (errorType === FAILURE.credentialsUnreadable)
    return {
      cause: `The stored credentials cannot be opened. ${meanwhile}`,
      nextAction:
        'Tell an operator: the encryption key may have been changed. If it cannot be restored, reauthorize the connection.',
    };
  if (errorType === FAILURE.unexpectedResponse)
    return {
      cause: `What answers in the provider’s place cannot be read: it is not the provider’s API, or the API has changed. ${meanwhile}`,
      nextAction: `${NOTHING_TO_DO} If it goes on, an operator checks the provider’s address (docs/configuration.md).`,
    };
  if (errorType === FAILURE.rejected)
    return {
      cause: `The provider refuses the request for a new token, and not the access itself. ${meanwhile}`,
      nextAction: `Tell an operator: the app’s settings are to be compared with docs/providers. It is tried again meanwhile.`,
    };
  if (errorType === FAILURE.unavailable || errorType === FAILURE.rateLimited || errorType === FAILURE.heldBack)
    return { cause: `The provider does not give a new token at the moment. ${meanwhile}`, nextAction: NOTHING_TO_DO };
  return {
    cause: `The token could not be refreshed (${errorType}). ${meanwhile}`,
    nextAction: `${NOTHING_TO_DO} Tell an operator if it goes on for long.`,
  };
}
