import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isSameCount, mayArchive, needsApproval } from '../../../../domain/sync/pull/blast-radius.ts';

describe('a run that would archive many records', () => {
  it.each([
    [20, 20, false, 'all of a few'],
    [21, 21, true, 'all of a few more'],
    [21, 210, false, 'exactly a tenth'],
    [21, 209, true, 'a little over a tenth'],
    [1_000, 1_000_000, false, 'many of very many'],
    [0, 0, false, 'nothing of nothing'],
  ])('with %i of %i waits for a person: %s (%s)', (archiving, of, waits) => {
    expect(needsApproval({ archiving, of })).toBe(waits);
  });

  it('still waits for any larger count, and for any smaller total', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5_000 }), fc.nat({ max: 50_000 }), fc.nat({ max: 100 }), (archiving, of, more) => {
        if (!needsApproval({ archiving, of })) return;
        expect(needsApproval({ archiving: archiving + more, of })).toBe(true);
        expect(needsApproval({ archiving, of: Math.max(0, of - more) })).toBe(true);
      }),
    );
  });
});

describe('an approval of a count', () => {
  const approved = { archiving: 40, of: 100, archived: 5, newestDeletionEpochUs: 1_000 };

  it.each([
    ['the same count', {}, true],
    ['the rest after some are archived', { archiving: 30, archived: 15 }, true],
    ['the rest after some need no archiving', { archiving: 30, archived: 10 }, true],
    ['one more', { archiving: 41 }, false],
    ['the same number after some are archived', { archiving: 40, archived: 6 }, false],
    ['the same number with a later deletion', { newestDeletionEpochUs: 1_001 }, false],
    ['a smaller number with a later deletion', { archiving: 30, archived: 15, newestDeletionEpochUs: 1_001 }, false],
    ['a number that needs no approval', { archiving: 20, newestDeletionEpochUs: 9_999 }, true],
  ])('covers %s or not: %j', (_case, change, covered) => {
    expect(mayArchive({ ...approved, ...change }, approved)).toBe(covered);
  });

  it('is required when nobody has approved, even for a pull, whose records have no time of deletion', () => {
    expect(mayArchive(approved, null)).toBe(false);
    const pulled = { ...approved, newestDeletionEpochUs: null };
    expect([
      mayArchive(pulled, null),
      mayArchive(pulled, pulled),
      mayArchive({ ...pulled, archiving: 41 }, pulled),
    ]).toEqual([false, true, false]);
  });

  it.each(['archiving', 'of', 'archived', 'newestDeletionEpochUs'] as const)(
    'is for another count when %s differs',
    (field) => {
      expect(isSameCount(approved, { ...approved })).toBe(true);
      expect(isSameCount(approved, { ...approved, [field]: 7 })).toBe(false);
    },
  );
});
