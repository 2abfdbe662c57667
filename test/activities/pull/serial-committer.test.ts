import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SerialCommitter } from '../../../activities/sync/serial-committer.ts';
import { until } from '../../support/eventually.ts';

/** A committer whose commits end only when they are told to. */
function aGatedCommitter(options = { maxBatch: 3, gatherMs: 0 }) {
  const batches: (readonly number[])[] = [];
  const gates: { open: () => void; fail: (cause: Error) => void }[] = [];
  let atOnce = 0;
  const committer = new SerialCommitter<number>(async (items) => {
    batches.push(items);
    atOnce += 1;
    expect(atOnce).toBe(1);
    await new Promise<void>((open, fail) => gates.push({ open, fail }));
    atOnce -= 1;
  }, options);
  return {
    committer,
    batches,
    next: () => until(() => gates.shift() ?? null, { limitMs: 5_000, what: 'a commit has begun', everyMs: 1 }),
  };
}

describe('the serial committer', () => {
  it('writes nothing more after a failed commit, and tells the first failure to everybody who drains', async () => {
    const { committer, batches, next } = aGatedCommitter();
    for (let item = 1; item <= 5; item += 1) committer.add(item);
    (await next()).fail(new Error('the database said no'));
    await expect(committer.drain()).rejects.toThrow('the database said no');
    await expect(committer.drain()).rejects.toThrow('the database said no');
    expect(committer.failed).toBe(true);
    expect(batches).toHaveLength(1);
  });

  it('takes nothing more after a failed commit: a later one would move the cursor past what was lost', async () => {
    const { committer, batches, next } = aGatedCommitter();
    committer.add(1);
    (await next()).fail(new Error('no'));
    await expect(committer.drain()).rejects.toThrow('no');
    committer.add(2);
    await sleep(5);
    expect(batches).toEqual([[1]]);
  });

  it('does not leave whoever waits for room waiting after a failure', async () => {
    const { committer, next } = aGatedCommitter();
    for (let item = 1; item <= 9; item += 1) committer.add(item);
    const room = committer.room();
    (await next()).fail(new Error('no'));
    await expect(room).resolves.toBeUndefined();
  });

  it('commits one batch at a time, in order, and what arrives meanwhile together', async () => {
    const { committer, batches, next } = aGatedCommitter();
    committer.add(1);
    const first = await next();
    for (let item = 2; item <= 6; item += 1) committer.add(item);
    first.open();
    (await next()).open();
    (await next()).open();
    await committer.drain();
    expect(batches).toEqual([[1], [2, 3, 4], [5, 6]]);
  });

  it('holds back whoever produces faster than the database writes, until one batch has gone', async () => {
    const { committer, next } = aGatedCommitter();
    committer.add(0);
    const first = await next();
    for (let item = 1; item <= 4; item += 1) committer.add(item);
    let held = true;
    const room = committer.room().then(() => {
      held = false;
    });
    await sleep(5);
    expect(held).toBe(true);
    first.open();
    const second = await next();
    await room;
    expect(held).toBe(false);
    second.open();
    (await next()).open();
    await committer.drain();
  });

  it('has room at once while little waits, and nothing to drain when nothing was added', async () => {
    const { committer, next } = aGatedCommitter();
    await committer.drain();
    committer.add(1);
    await committer.room();
    (await next()).open();
    await committer.drain();
    expect(committer.failed).toBe(false);
  });

  it('lets a batch wait for company, but a full one not', async () => {
    const batches: (readonly number[])[] = [];
    const committer = new SerialCommitter<number>((items) => Promise.resolve(void batches.push(items)), {
      maxBatch: 4,
      gatherMs: 500,
    });
    committer.add(1);
    await sleep(5);
    committer.add(2);
    await committer.drain();
    expect(batches).toEqual([[1, 2]]);
  });
});
