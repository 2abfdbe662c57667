import type { AuthorizationRefusal } from '../../contracts/connections.ts';

export interface RefusalAdvice {
  readonly message: string;
  /** What a person should do next. */
  readonly nextAction: string;
}

const AGAIN = 'Connect again.';

/** The advice on an attempt to connect that ended without a connection. */
const ADVICE: Readonly<Record<AuthorizationRefusal, RefusalAdvice>> = {
  denied: {
    message: 'The access was not approved at the provider.',
    nextAction: 'Connect again and approve the access.',
  },
  expired: { message: 'Nobody approved the access within ten minutes.', nextAction: AGAIN },
  'code-refused': {
    message: 'The provider did not accept the code that it had given: a code works once, and only for a few minutes.',
    nextAction: AGAIN,
  },
  'wrong-account': {
    message: 'Another account was approved than the one that this connection belongs to.',
    nextAction:
      'Sign in at the provider to the account of this connection and authorise it again; connect another account as a new connection.',
  },
  'environment-mismatch': {
    message: 'The account belongs to the provider’s other environment.',
    nextAction: 'Connect again with an account of the environment that was asked for.',
  },
  'permissions-missing': {
    message: 'The access that was approved does not cover what a sync needs.',
    nextAction: 'Connect again and approve all permissions that are asked for.',
  },
  'answer-lost': {
    message:
      'The code was sent to the provider, and the answer was lost before the access could be stored. A code works once.',
    nextAction: AGAIN,
  },
  'access-refused': {
    message: 'The provider did not accept the access that it had just given: it may have been taken back at once.',
    nextAction: AGAIN,
  },
  'app-refused': {
    message: 'The provider does not accept this installation’s own app, or the app is no longer set up here.',
    nextAction:
      'Tell an operator: the app’s id and secret are to be compared with the provider’s (docs/configuration.md). Then connect again.',
  },
  'provider-refused': {
    message: 'The provider refused what was asked of it while the access was being set up.',
    nextAction:
      'Tell an operator: the provider’s addresses and the app’s settings are to be compared with docs/providers. Then connect again.',
  },
  'provider-unexpected': {
    message:
      'What answered in the provider’s place could not be read: it is not the provider’s API, or the API has changed.',
    nextAction:
      'Tell an operator: the provider’s addresses are to be checked (docs/configuration.md), and any proxy in between. Then connect again.',
  },
  'provider-unreachable': {
    message: 'No connection to the provider could be made: its host name is unknown, or nothing listens there.',
    nextAction:
      'Connect again in a few minutes. If it stays, tell an operator: the provider’s addresses, name resolution and the network are to be checked.',
  },
  'provider-unavailable': {
    message: 'The provider did not answer in time, or failed, while the access was being set up.',
    nextAction: 'Connect again in a few minutes.',
  },
  interrupted: {
    message: 'The access could not be set up on our side.',
    nextAction: 'Tell an operator, and connect again later.',
  },
  'vault-unavailable': {
    message: 'The credentials could not be stored safely, so they were not stored at all.',
    nextAction: 'Tell an operator, and connect again later.',
  },
  cancelled: { message: 'The attempt to connect was withdrawn.', nextAction: AGAIN },
};

export const explainRefusal = (code: AuthorizationRefusal): RefusalAdvice => ADVICE[code];
