type State = Readonly<Record<string, string | number>> | null;

/**
 * The name, in a link's external state, of what the remote record held when it was found and its record has never said.
 * It was there before any write of ours: an empty field of the record says nothing of it, and clears it in no later write.
 */
export const KEPT_FIELDS = 'kept';

export function keptIn(state: State | undefined): readonly string[] {
  const told = state?.[KEPT_FIELDS];
  return typeof told === 'string' && told !== '' ? told.split(',') : [];
}

/** The state with these names in place of those that it has. */
export function withKept(state: State, names: readonly string[]): State {
  const { [KEPT_FIELDS]: before, ...others } = state ?? {};
  if (names.length > 0) return { ...others, [KEPT_FIELDS]: names.join(',') };
  return state === null || before === undefined ? state : others;
}

/** What a record leaves empty, by its payload. */
export const leftEmptyBy = (payload: Readonly<Record<string, unknown>>): readonly string[] =>
  Object.keys(payload).filter((name) => payload[name] === null);
