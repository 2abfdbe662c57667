import { describe, expect, it } from 'vitest';
import { costOfBytes, Turns } from '../../../api/http/turns.ts';

/** Work that notes what each of its turns has cost. */
function aWork({ mayGoOn = true } = {}) {
  const costsMs: number[] = [];
  return {
    costsMs,
    mayGoOn: () => mayGoOn,
    yield: (costMs: number) => {
      costsMs.push(costMs);
      return Promise.resolve();
    },
  };
}

describe('the turns of long work', () => {
  it('end after 64 KB', () => {
    const turns = new Turns(aWork(), () => 0);
    expect([turns.endsWith(40_000), turns.endsWith(30_000)]).toEqual([false, true]);
  });

  it('end after 2 ms, however few bytes were read', async () => {
    let nowMs = 0;
    const turns = new Turns(aWork(), () => nowMs);
    nowMs = 1;
    expect(turns.endsWith(1)).toBe(false);
    nowMs = 2;
    expect(turns.endsWith(1)).toBe(true);
    await turns.next();
    expect(turns.endsWith(1)).toBe(false);
  });

  it('leave out the time in which the sender was waited for', () => {
    let nowMs = 0;
    const turns = new Turns(aWork(), () => nowMs);
    nowMs = 5;
    turns.resume();
    expect(turns.endsWith(1)).toBe(false);
  });

  it('begin after a wait for the sender only when nobody else goes first', () => {
    expect(new Turns(aWork()).resume()).toBe(true);
    expect(new Turns(aWork({ mayGoOn: false })).resume()).toBe(false);
  });

  it('cost the time that they took, and at least what their bytes cost', async () => {
    let nowMs = 0;
    const work = aWork();
    const turns = new Turns(work, () => nowMs);
    nowMs = 5;
    await turns.next();
    turns.endsWith(655_344);
    await turns.next();
    expect(work.costsMs).toEqual([5, costOfBytes(655_360)]);
  });
});
