import type { RecordId } from '../../../contracts/ids.ts';

/** A record that is about to be written to another remote record than the one that it is tied to. */
export interface Move {
  readonly id: RecordId;
  /** Null for a record that is tied to none. */
  readonly from: string | null;
  readonly to: string;
}

export interface ValidatedMoves {
  /** Records that would write to what is another record's when all moves are done. */
  readonly refused: ReadonlySet<RecordId>;
  /** Moving records whose remote record another one moves to. */
  readonly displaced: ReadonlySet<RecordId>;
}

/**
 * Validates moves by where they end: what a record leaves is free for another, so that two may swap. Of two that move to the
 * same the first does. A move that is refused frees nothing, so that it may refuse others.
 */
export function validateMoves(
  moves: readonly Move[],
  ownerOf: (externalId: string) => RecordId | undefined,
): ValidatedMoves {
  let going: ReadonlyMap<RecordId, Move> = new Map(moves.map((move) => [move.id, move]));
  for (;;) {
    const first = new Map([...going.values()].reverse().map(({ id, to }) => [to, id]));
    const isFree = ({ id, to }: Move): boolean => {
      const owner = ownerOf(to);
      const leaves = owner === undefined || owner === id || going.get(owner)?.from === to;
      return leaves && first.get(to) === id;
    };
    const left = new Map([...going].filter(([, move]) => isFree(move)));
    if (left.size === going.size) break;
    going = left;
  }
  const taken = new Set([...going.values()].map(({ to }) => to));
  return {
    refused: new Set(moves.flatMap(({ id }) => (going.has(id) ? [] : [id]))),
    displaced: new Set([...going.values()].flatMap(({ id, from }) => (from !== null && taken.has(from) ? [id] : []))),
  };
}
