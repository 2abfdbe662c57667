import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RecordId } from '../../../../contracts/ids.ts';
import { validateMoves } from '../../../../domain/sync/push/places.ts';
import type { Move } from '../../../../domain/sync/push/places.ts';

const move = (id: string, from: string | null, to: string): Move => ({ id: id as RecordId, from, to });
const validate = (moves: readonly Move[], owners: Readonly<Record<string, string>> = {}) => {
  const { refused, displaced } = validateMoves(moves, (place) => owners[place] as RecordId | undefined);
  return { refused: [...refused], displaced: [...displaced] };
};

describe('moves of records between remote records', () => {
  it('refuse a move to what a record keeps, and every move that waits for the refused one', () => {
    const moves = [move('a', 'A', 'B'), move('b', 'B', 'C'), move('new', null, 'A')];
    expect(validate(moves, { A: 'a', B: 'b', C: 'kept' })).toEqual({ refused: ['a', 'b', 'new'], displaced: [] });
  });

  it('let two records swap, and more than two change round', () => {
    expect(validate([move('a', 'A', 'B'), move('b', 'B', 'A')], { A: 'a', B: 'b' })).toEqual({
      ...{ refused: [], displaced: ['a', 'b'] },
    });
    const round = [move('a', 'A', 'B'), move('b', 'B', 'C'), move('c', 'C', 'A')];
    expect(validate(round, { A: 'a', B: 'b', C: 'c' })).toEqual({ refused: [], displaced: ['a', 'b', 'c'] });
  });

  it('let a record take what another leaves for a free one', () => {
    expect(validate([move('a', 'A', 'B'), move('b', 'B', 'C')], { A: 'a', B: 'b' })).toEqual({
      ...{ refused: [], displaced: ['b'] },
    });
  });

  it('let the first of two that move to the same have it', () => {
    expect(validate([move('a', null, 'A'), move('b', null, 'A')])).toEqual({ refused: ['b'], displaced: [] });
  });

  it('never leave two records at one place, and refuse none without a record that stands in its way', () => {
    const place = fc.integer({ min: 0, max: 5 }).map(String);
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.record({ from: place, to: place, moves: fc.boolean() }), {
          selector: ({ from }) => from,
          maxLength: 6,
        }),
        (records) => {
          const owners = Object.fromEntries(records.map(({ from }) => [from, `at ${from}`]));
          const moves = records
            .filter((record) => record.moves && record.from !== record.to)
            .map(({ from, to }) => move(`at ${from}`, from, to));
          const { refused } = validate(moves, owners);
          const going = new Map(
            moves.filter(({ id }) => !refused.includes(id)).map(({ id, to }) => [id as string, to]),
          );
          const ends = records.map(({ from }) => going.get(`at ${from}`) ?? from);
          expect(new Set(ends).size).toBe(ends.length);
          for (const { id, to } of moves.filter((one) => refused.includes(one.id)))
            expect(records.some(({ from }) => `at ${from}` !== id && (going.get(`at ${from}`) ?? from) === to)).toBe(
              true,
            );
        },
      ),
    );
  });
});
