import { FAILURE } from '../../contracts/failures.ts';

export interface FailureAdvice {
  /** Stable, kebab-case, listed in docs/errors.md. */
  readonly code: string;
  readonly message: string;
  /** What a person should do next. */
  readonly nextAction: string;
}

/** The advice that a venue gets on a failed run, by failure type. */
const ADVICE: Readonly<Record<string, FailureAdvice>> = {
  [FAILURE.needsReauth]: {
    code: 'needs-reauth',
    message: 'The provider no longer accepts the stored credentials.',
    nextAction:
      'Do what `nextAction` of the connection says, such as having its owner approve it again or replacing its key: a waiting run goes on by itself, a failed one by a retry.',
  },
  [FAILURE.scopesMissing]: {
    code: 'scopes-missing',
    message: 'The account’s owner has not granted all permissions that this sync needs.',
    nextAction:
      'Have the connection approved once more, POST …/reauthorize: a waiting run goes on by itself, a failed one by a retry.',
  },
  [FAILURE.connectionGone]: {
    code: 'connection-gone',
    message: 'The connection was removed while the sync was under way.',
    nextAction: 'Connect the account again, then start the sync again.',
  },
  [FAILURE.rejected]: {
    code: 'provider-refused',
    message: 'The provider refused the request for the whole account.',
    nextAction: 'Check the permissions of the key, enter one that may read and write the resource, then retry the run.',
  },
  [FAILURE.unavailable]: {
    code: 'provider-unavailable',
    message: 'The provider did not answer for a week.',
    nextAction: 'Look at the provider’s status page, then retry the run: it goes on from its last committed page.',
  },
  [FAILURE.rateLimited]: {
    code: 'provider-rate-limited',
    message: 'The provider’s rate limit was reached for more than a month.',
    nextAction: 'Lower the other traffic on the account, or raise the quota at the provider, then retry the run.',
  },
  [FAILURE.quotaExhausted]: {
    code: 'provider-quota-exhausted',
    message: 'The provider’s quota stayed spent for more than a month.',
    nextAction: 'Raise the quota at the provider, then retry the run.',
  },
  [FAILURE.unexpectedResponse]: {
    code: 'provider-unexpected-response',
    message: 'The provider gave answers that this version does not understand.',
    nextAction: 'Tell an operator: the provider’s API may have changed, or a proxy stands in between.',
  },
  [FAILURE.credentialsUnreadable]: {
    code: 'credentials-unreadable',
    message: 'The stored credentials cannot be opened.',
    nextAction:
      'Connect the account again with its key; an operator should find out whether the encryption key was changed.',
  },
  [FAILURE.keyServiceUnavailable]: {
    code: 'key-service-unavailable',
    message: 'The key service that guards the stored credentials did not answer for a week.',
    nextAction:
      'Tell an operator: docs/operations/kms-unavailable.md. Then retry the run: it goes on from its last committed page.',
  },
  [FAILURE.runUnavailable]: {
    code: 'run-unavailable',
    message: 'The run could not be taken up: its record is gone, or another run of the same sync is open.',
    nextAction: 'Start the sync again.',
  },
  [FAILURE.workflowEnded]: {
    code: 'workflow-ended',
    message: 'Its workflow was ended from outside, such as terminated in the Temporal Web UI.',
    nextAction: 'Start it again, or retry the run: it goes on from its last committed page.',
  },
};

const INTERNAL: FailureAdvice = {
  code: 'internal',
  message: 'The sync failed on our side.',
  nextAction: 'Tell an operator; the run can be reset in the Temporal Web UI and goes on from its last committed page.',
};

export function explainFailure(type: string): FailureAdvice {
  return (Object.hasOwn(ADVICE, type) ? ADVICE[type] : null) ?? INTERNAL;
}

export const FAILURE_CODES: readonly string[] = [...Object.values(ADVICE), INTERNAL].map(({ code }) => code);
