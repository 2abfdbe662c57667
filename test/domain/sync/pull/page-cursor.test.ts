import { describe, expect, it } from 'vitest';
import { pageCursor } from '../../../../domain/sync/pull/pull-plan.ts';
import { checkCursorPage, firstCursorPart, restartCursorPart } from '../../../../domain/sync/pull/page-cursor.ts';
import type { CursorPart } from '../../../../domain/sync/pull/page-cursor.ts';

const FIRST = firstCursorPart({ id: 0, stream: 'all', fromEpochS: 5, toEpochS: 900, after: null, pagesRead: 0 });

/** The part after a page that ends at `after`. */
function readTo(part: CursorPart, after: string): CursorPart {
  const verdict = checkCursorPage(part, { after, pageSize: 1, positions: [{ id: after, atEpochS: 100 }] });
  if (verdict.do !== 'take' || verdict.left === null) throw new Error('the page was not taken');
  return verdict.left;
}

describe('an expired cursor of a list that is joined from several', () => {
  const list = pageCursor('all', {
    afterExpiry: { from: 'cursor', renewed: (expired) => (expired as string).replace(/:.*/, '') },
  });

  it('is replaced by the renewed one, within the same bounds', () => {
    expect(restartCursorPart(readTo(FIRST, 'L2:x'), list)).toMatchObject({
      ...{ after: 'L2', fromEpochS: 5, toEpochS: 900, lastPage: null, mark: null, restarts: 1 },
    });
  });

  it('counts restarts at one place, and counts anew at the next', () => {
    let part: CursorPart = FIRST;
    for (let nth = 1; nth <= 5; nth += 1) {
      part = restartCursorPart(readTo(part, `L2:${nth}`), list)!;
      expect(part.restarts).toBe(nth);
    }
    expect(restartCursorPart(readTo(part, 'L2:6'), list)).toBeNull();
    expect(restartCursorPart(readTo(part, 'L3:1'), list)).toMatchObject({ after: 'L3', restarts: 1 });
  });
});
