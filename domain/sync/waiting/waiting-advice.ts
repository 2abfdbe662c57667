import type { WaitingFor } from '../../../contracts/sync.ts';
import type { FailureAdvice } from '../../errors/failure-advice.ts';

const GOES_ON = 'Nothing: the run goes on by itself.';

/** The advice on a waiting run, by what it waits for. Its codes are those of a run that fails for the same reason. */
const ADVICE: Readonly<Record<Exclude<WaitingFor, 'approval'>, FailureAdvice>> = {
  'needs-reauth': {
    code: 'needs-reauth',
    message: 'The provider no longer accepts the stored credentials.',
    nextAction:
      'Do what `nextAction` of the connection says, such as having its owner approve it again or replacing its key: the run then goes on by itself.',
  },
  'scopes-missing': {
    code: 'scopes-missing',
    message: 'The account’s owner has not granted all permissions that this sync needs.',
    nextAction:
      'Have the connection approved once more, POST …/reauthorize: the run then goes on by itself. `missingScopes` of the connection names the permissions.',
  },
  'rate-limit': {
    code: 'provider-rate-limited',
    message: 'The provider asks for a pause.',
    nextAction:
      'Nothing at first: the run goes on by itself. Tell an operator if it stays for hours: other traffic may use the limit up, or the calls of the month are spent, which not every provider tells apart.',
  },
  quota: {
    code: 'provider-quota-exhausted',
    message: 'The provider’s quota is spent.',
    nextAction: 'Wait until the provider renews it, or raise it there: the run then goes on by itself.',
  },
  'provider-unavailable': {
    code: 'provider-unavailable',
    message: 'The provider does not answer.',
    nextAction: GOES_ON,
  },
  'provider-unexpected-response': {
    code: 'provider-unexpected-response',
    message: 'The provider gives answers that this version does not understand.',
    nextAction:
      'Nothing at first: the run tries again by itself. Tell an operator if it stays: the provider’s API may have changed, or a proxy stands in between.',
  },
  'key-service-unavailable': {
    code: 'key-service-unavailable',
    message: 'The key service that guards the stored credentials does not answer.',
    nextAction: GOES_ON,
  },
  'database-unavailable': {
    code: 'database-unavailable',
    message: 'The database could not be reached.',
    nextAction: GOES_ON,
  },
  internal: {
    code: 'internal',
    message: 'The sync fails on our side.',
    nextAction:
      'Tell an operator, with the id of the run: the worker’s log says where it fails. The run tries again by itself and goes on once the cause is gone.',
  },
};

export const explainWaiting = (what: Exclude<WaitingFor, 'approval'>): FailureAdvice => ADVICE[what];
