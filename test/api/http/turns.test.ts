import { setImmediate as round } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Turns } from '../../../api/http/turns.ts';

describe('the turns of long work', () => {
  it('end after 64 KB', () => {
    const turns = new Turns(() => 0);
    expect([turns.endsWith(40_000), turns.endsWith(30_000)]).toEqual([false, true]);
  });

  it('end after 5 ms, however few bytes were read', async () => {
    let nowMs = 0;
    const turns = new Turns(() => nowMs);
    expect(turns.endsWith(1)).toBe(false);
    nowMs = 5;
    expect(turns.endsWith(1)).toBe(true);
    await turns.next();
    expect(turns.endsWith(1)).toBe(false);
  });

  it('run one per round of the event loop, in the order of the requests', async () => {
    const done: string[] = [];
    const all = ['first', 'second', 'third'].map((name) => new Turns().next().then(() => done.push(name)));
    const rounds: string[][] = [];
    while (done.length < all.length) {
      await round();
      rounds.push([...done]);
    }
    expect(done).toEqual(['first', 'second', 'third']);
    expect(Math.max(...rounds.map((names, index) => names.length - (rounds[index - 1]?.length ?? 0)))).toBe(1);
  });
});
