import type { AuthorizationRefusal } from '../contracts/connections.ts';

export interface RefusalAdvice {
  readonly message: string;
  /** What a person should do next. */
  readonly nextAction: string;
}

const AGAIN = 'Connect again.';

/** What is told about an attempt to connect that ended without a connection. */
const ADVICE: Readonly<Record<AuthorizationRefusal, RefusalAdvice>> = {
  denied: { message: 'The access was not approved at the provider.', nextAction: 'Connect again and approve the access.' },
  expired: { message: 'Nobody approved the access within ten minutes.', nextAction: AGAIN },
  'code-refused': { message: 'The provider did not accept the code that it had given: a code works once, and only for a few minutes.', nextAction: AGAIN },
  'wrong-account': {
    message: 'Another account was approved than the one that this connection belongs to.',
    nextAction: 'Sign in at the provider to the account of this connection and authorise it again; connect another account as a new connection.',
  },
  'environment-mismatch': { message: 'The account belongs to the provider’s other environment.', nextAction: 'Connect again with an account of the environment that was asked for.' },
  'permissions-missing': { message: 'The access that was approved does not cover what a sync needs.', nextAction: 'Connect again and approve all permissions that are asked for.' },
  'provider-unavailable': { message: 'The provider did not answer while the access was being set up.', nextAction: 'Connect again in a few minutes.' },
  'vault-unavailable': { message: 'The credentials could not be stored safely, so they were not stored at all.', nextAction: 'Tell an operator, and connect again later.' },
  cancelled: { message: 'The attempt to connect was withdrawn.', nextAction: AGAIN },
};

export const explainRefusal = (code: AuthorizationRefusal): RefusalAdvice => ADVICE[code];
