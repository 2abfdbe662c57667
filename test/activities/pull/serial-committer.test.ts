import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { SerialCommitter } from '../../../activities/sync/serial-committer.ts';
import { until } from '../../support/eventually.ts';

/** A committer whose commits end only on command. */
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
    next: () => until(() => gates.shift() ?? null, { limitMs: 20_000, what: 'a commit has begun', everyMs: 1 }),
  };
}

describe('the serial committer', () => {
  it('writes nothing after a failed commit, and reports the first failure to every caller that drains', async () => {
    const { committer, batches, next } = aGatedCommitter();
    for (let item = 1; item <= 5; item += 1) committer.add(item);
    (await next()).fail(new Error('the database said no'));
    await expect(committer.drain()).rejects.toThrow('the database said no');
    await expect(committer.drain()).rejects.toThrow('the database said no');
    expect(committer.failed).toBe(true);
    expect(batches).toHaveLength(1);
  });

  it('accepts nothing after a failed commit, because a later commit would move the cursor past lost records', async () => {
    const { committer, batches, next } = aGatedCommitter();
    committer.add(1);
    (await next()).fail(new Error('no'));
    await expect(committer.drain()).rejects.toThrow('no');
    committer.add(2);
    await sleep(5);
    expect(batches).toEqual([[1]]);
  });

  it('releases waiting producers after a failure', async () => {
    const { committer, next } = aGatedCommitter();
    for (let item = 1; item <= 9; item += 1) committer.add(item);
    const room = committer.room();
    (await next()).fail(new Error('no'));
    await expect(room).resolves.toBeUndefined();
  });

  it('commits one batch at a time, in order, and combines what arrives meanwhile', async () => {
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

  it('holds back a producer that is faster than the database until a batch is committed', async () => {
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

  it('accepts work at once while little is waiting, and drains at once when nothing was added', async () => {
    const { committer, next } = aGatedCommitter();
    await committer.drain();
    committer.add(1);
    await committer.room();
    (await next()).open();
    await committer.drain();
    expect(committer.failed).toBe(false);
  });

  it('delays a partial batch to gather more, but never a full one', async () => {
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

  it('ends its delay as soon as a batch is full', async () => {
    const batches: (readonly number[])[] = [];
    const committer = new SerialCommitter<number>((items) => Promise.resolve(void batches.push(items)), {
      maxBatch: 3,
      gatherMs: 3_600_000,
    });
    committer.add(1);
    await sleep(5);
    for (const item of [2, 3]) committer.add(item);
    await until(() => batches.length > 0, { limitMs: 20_000, what: 'a full batch is committed', everyMs: 1 });
    expect(batches).toEqual([[1, 2, 3]]);
  });

  it('gathers no longer once it is drained, also what is added during the last commit', async () => {
    const batches: (readonly number[])[] = [];
    const committer = new SerialCommitter<number>(
      (items) => {
        batches.push(items);
        if (items.includes(1)) committer.add(3);
        return Promise.resolve();
      },
      { maxBatch: 4, gatherMs: 3_600_000 },
    );
    committer.add(1);
    committer.add(2);
    await committer.drain();
    expect(batches).toEqual([[1, 2], [3]]);
  });

  it('counts what items weigh, and takes one that is heavier than a batch alone', async () => {
    const batches: (readonly number[])[] = [];
    const committer = new SerialCommitter<number>((items) => Promise.resolve(void batches.push(items)), {
      maxBatch: 10,
      sizeOf: (item) => item,
      gatherMs: 3_600_000,
    });
    for (const item of [50, 8, 4, 3, 3]) committer.add(item);
    await committer.drain();
    expect(batches).toEqual([[50], [8], [4, 3, 3]]);
  });
});
