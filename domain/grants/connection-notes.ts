/** What a connection tells its venue beside its state: nothing has to be done about it. */
export interface ConnectionNote {
  /** Stable, kebab-case. */
  readonly code: 'account-shared';
  readonly message: string;
}

/** It says that there is another venue, and nothing about it: venues are strangers to each other. */
const ACCOUNT_SHARED: ConnectionNote = {
  code: 'account-shared',
  message:
    'Another venue has connected the same account: both read the same records there, and each meets what the other writes.',
};

/** `accountShared`: another venue has connected the account. */
export const notesOf = ({ accountShared }: { readonly accountShared: boolean }): readonly ConnectionNote[] =>
  accountShared ? [ACCOUNT_SHARED] : [];
