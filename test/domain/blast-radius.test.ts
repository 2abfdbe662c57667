import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { needsApproval } from '../../domain/blast-radius.ts';

describe('a run that would archive much', () => {
  it.each([
    [20, 20, false, 'all of a few'],
    [21, 21, true, 'all of a few more'],
    [21, 210, false, 'exactly a tenth'],
    [21, 209, true, 'a little over a tenth'],
    [1_000, 1_000_000, false, 'many of very many'],
    [0, 0, false, 'nothing of nothing'],
  ])('%i of %i: waits for a person: %s (%s)', (archiving, of, waits) => {
    expect(needsApproval({ archiving, of })).toBe(waits);
  });

  it('waits also for more, and of fewer, once it waits', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5_000 }), fc.nat({ max: 50_000 }), fc.nat({ max: 100 }), (archiving, of, more) => {
        if (!needsApproval({ archiving, of })) return;
        expect(needsApproval({ archiving: archiving + more, of })).toBe(true);
        expect(needsApproval({ archiving, of: Math.max(0, of - more) })).toBe(true);
      }),
    );
  });
});
