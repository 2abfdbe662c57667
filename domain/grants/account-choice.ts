/** One of the accounts that a grant opens, such as a location. */
export interface GrantAccount {
  readonly id: string;
  readonly name: string | null;
}

export interface ListedAccount extends GrantAccount {
  /** The provider does not list it any more. */
  readonly gone: boolean;
}

/** The accounts that a connection's grant opens, and those of them that are synced. */
export interface AccountChoice {
  /** The provider's last list in its order, followed by accounts that are gone. Null: never listed. */
  readonly listed: readonly ListedAccount[] | null;
  readonly listedAt: Date | null;
  /** Ids; null: all, including future ones. */
  readonly chosen: readonly string[] | null;
}

/** A new listing over an earlier one: what it lacks has gone, and is kept so that it can be shown. */
export function withListing(
  { listed }: Pick<AccountChoice, 'listed'>,
  now: readonly GrantAccount[],
): readonly ListedAccount[] {
  const here = new Set(now.map(({ id }) => id));
  const gone = (listed ?? []).filter(({ id }) => !here.has(id));
  return [
    ...now.map(({ id, name }) => ({ id, name, gone: false })),
    ...gone.map(({ id, name }) => ({ id, name, gone: true })),
  ];
}

/**
 * Positions of ids that cannot be chosen: the grant does not open them, and they were not a choice before they were
 * gone.
 */
export function unknownIn({ listed, chosen }: AccountChoice, wanted: readonly string[]): readonly number[] {
  const known = new Set([...(listed ?? []).filter(({ gone }) => !gone).map(({ id }) => id), ...(chosen ?? [])]);
  return wanted.flatMap((id, index) => (known.has(id) ? [] : [index]));
}

export const isChosen = ({ chosen }: Pick<AccountChoice, 'chosen'>, { id, gone }: ListedAccount): boolean =>
  chosen === null ? !gone : chosen.includes(id);

/** Whether two choices name the same accounts in any order. */
export const isSameChoice = (one: AccountChoice['chosen'], other: AccountChoice['chosen']): boolean =>
  one === null || other === null
    ? one === other
    : one.length === other.length && new Set([...one, ...other]).size === one.length;
