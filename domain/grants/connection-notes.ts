/** Information for the venue beside a connection's state, without anything to do. */
export interface ConnectionNote {
  /** Stable, kebab-case. */
  readonly code: 'account-shared';
  readonly message: string;
}

/** Says that another venue exists and nothing about it, because venues must not learn of each other. */
const ACCOUNT_SHARED: ConnectionNote = {
  code: 'account-shared',
  message:
    'Another venue has connected the same account: both read the same records there, and each meets what the other writes.',
};

/** `accountShared` is true when another venue has connected the same account. */
export const notesOf = ({ accountShared }: { readonly accountShared: boolean }): readonly ConnectionNote[] =>
  accountShared ? [ACCOUNT_SHARED] : [];
