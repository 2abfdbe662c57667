import type { Revocation } from '../../contracts/connections.ts';

export interface Disconnection {
  readonly cause: string;
  /** What a person has to do at the provider; null when nothing. */
  readonly nextAction: string | null;
}

const BY_HAND = 'Remove this service’s access by hand, in the settings of the account at the provider.';

const TOLD: Readonly<Record<Revocation, Disconnection>> = {
  revoked: { cause: 'Disconnected; the access was revoked at the provider.', nextAction: null },
  'already-gone': { cause: 'Disconnected; there was no access left at the provider.', nextAction: null },
  shared: {
    cause: 'Disconnected; another connection uses the same account, so the access at the provider was left standing.',
    nextAction: null,
  },
  'not-supported': { cause: 'Disconnected; this access can only be taken back at the provider.', nextAction: BY_HAND },
  failed: { cause: 'Disconnected; the provider did not take the revocation for minutes.', nextAction: BY_HAND },
};

/** The advice on a disconnected connection. */
export function explainDisconnection(revocation: Revocation, { hadKey }: { readonly hadKey: boolean }): Disconnection {
  return hadKey
    ? {
        cause: 'Disconnected; the stored key was deleted here and still works at the provider.',
        nextAction: 'Delete or roll the key at the provider.',
      }
    : TOLD[revocation];
}
