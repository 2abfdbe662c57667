import { setImmediate as round, setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../../domain/limits/fair-queue.ts';
import type { FairQueueOptions, Work } from '../../../domain/limits/fair-queue.ts';

/** A queue on a clock of its own, whose work notes the order in which it was started and got turns. */
function aQueue(options: Omit<FairQueueOptions, 'nowMs'> = {}) {
  const clock = { ms: 0 };
  const queue = new FairQueue({ nowMs: () => clock.ms, ...options });
  const order: string[] = [];
  const begin = async (owner: string, name = owner): Promise<Work> => {
    const work = await queue.start(owner);
    if (work === null) throw new Error(`${name} was not started`);
    order.push(name);
    return work;
  };
  return { queue, clock, order, begin };
}

/** More rounds of the event loop than any grant takes that depends on nothing else. */
async function manyRounds(): Promise<void> {
  for (let index = 0; index < 20; index += 1) await round();
}

const ABOVE_SHARE_MS = 400;

/** Has used more than its share of the time. */
async function heavy(begin: (owner: string, name?: string) => Promise<Work>, owner: string): Promise<void> {
  const work = await begin(owner, `${owner}'s past`);
  work.spend(ABOVE_SHARE_MS);
  work.end();
}

/** A piece of work that is over. */
async function spendOnce(begin: (owner: string) => Promise<Work>, owner: string, costMs: number): Promise<void> {
  const work = await begin(owner);
  work.spend(costMs);
  work.end();
}

describe('a queue that shares the time of a process', () => {
  it('starts the work of an owner within its share at once, however much others have waiting', async () => {
    const { queue, order, begin } = aQueue();
    await heavy(begin, 'attacker');
    const first = await begin('victim');
    const waiting = begin('attacker');
    await manyRounds();
    const second = await begin('victim');
    expect({ order, waiting: queue.waiting }).toEqual({
      order: ["attacker's past", 'victim', 'victim'],
      waiting: 1,
    });
    first.end();
    second.end();
    await waiting;
  });

  it('starts the work of an owner above its share as soon as no owner that has used less is at work', async () => {
    const { order, begin } = aQueue();
    await heavy(begin, 'attacker');
    const victim = await begin('victim');
    const waiting = begin('attacker');
    await manyRounds();
    expect(order.at(-1)).toBe('victim');
    victim.end();
    await waiting;
    expect(order.at(-1)).toBe('attacker');
  });

  it('lets an owner above its share use an idle process', async () => {
    const { order, begin } = aQueue();
    await heavy(begin, 'alone');
    const works = [await begin('alone'), await begin('alone')];
    for (const work of works) await work.yield(5);
    expect(order).toHaveLength(3);
  });

  it('gives an owner its share even while others are always at work', async () => {
    const { clock, order, begin } = aQueue();
    await heavy(begin, 'attacker');
    await begin('victim');
    const waiting = begin('attacker');
    await manyRounds();
    expect(order.at(-1)).toBe('victim');
    // What was used a second ago hardly counts any more.
    clock.ms = 1_000;
    await begin('victim', 'victim again');
    await waiting;
    expect(order.at(-1)).toBe('attacker');
  });

  it('remembers no more than twice the share, so that no owner waits longer than a second', async () => {
    const { clock, begin } = aQueue();
    const work = await begin('attacker');
    work.spend(1_000_000);
    clock.ms = 999;
    await begin('victim');
    await begin('attacker');
  });

  it('starts at most four pieces of work of an owner above its share side by side', async () => {
    const { queue, begin } = aQueue();
    await heavy(begin, 'attacker');
    const started = await Promise.all(Array.from({ length: 4 }, () => begin('attacker')));
    const fifth = begin('attacker');
    await manyRounds();
    expect(queue.waiting).toBe(1);
    started[0]?.end();
    await fifth;
  });

  it('starts at most eight pieces of work of any other owner side by side while others use the process', async () => {
    const { queue, clock, begin } = aQueue();
    const alone = await Promise.all(Array.from({ length: 9 }, () => begin('newcomer')));
    for (const work of alone) work.end();
    const victim = await begin('victim');
    victim.spend(5);
    victim.end();
    const started = await Promise.all(Array.from({ length: 8 }, () => begin('newcomer')));
    const ninth = begin('newcomer');
    await manyRounds();
    expect(queue.waiting).toBe(1);
    // The other has not used the process for some time.
    clock.ms = 999;
    started[0]?.end();
    await ninth;
    clock.ms = 3_000;
    await Promise.all(Array.from({ length: 9 }, () => begin('newcomer')));
  });

  it.each([
    { costMs: 4, within: 8, above: 2 },
    { costMs: 8, within: 4, above: 1 },
    { costMs: 18, within: 1, above: 1 },
    { costMs: 10_000, within: 1, above: 1 },
  ])(
    'starts fewer of an owner whose work costs more while others use the process: $within and $above at $costMs ms',
    async ({ costMs, within, above }) => {
      for (const [most, usedBefore] of [
        [within, null],
        [above, 'heavy'],
      ] as const) {
        const { queue, begin } = aQueue();
        if (usedBefore !== null) await heavy(begin, 'reader');
        // Cheap work in between makes the owner expected to be cheap again, whatever it has used.
        for (let index = 0; index < 60; index += 1) await spendOnce(begin, 'reader', 0);
        await spendOnce(begin, 'reader', costMs);
        await spendOnce(begin, 'victim', 5);
        const started = Array.from({ length: most }, () => begin('reader'));
        await Promise.all(started);
        const next = begin('reader');
        await manyRounds();
        expect(queue.waiting).toBe(1);
        (await started[0])?.end();
        await next;
      }
    },
  );

  it('starts no fewer of an owner whose work costs much while it is alone', async () => {
    const { begin } = aQueue();
    await spendOnce(begin, 'alone', 100);
    await Promise.all(Array.from({ length: 9 }, () => begin('alone')));
  });

  it('counts what work costs other processes as use, but expects none of it of the next work', async () => {
    const { queue, order, begin } = aQueue();
    const starter = await begin('starter');
    starter.spendElsewhere(30);
    starter.end();
    await spendOnce(begin, 'victim', 5);
    const started = await Promise.all(Array.from({ length: 8 }, () => begin('starter')));
    started[0]?.spendElsewhere(ABOVE_SHARE_MS);
    for (const work of started) work.end();
    const victim = await begin('victim');
    const next = begin('starter', 'next');
    await manyRounds();
    expect(queue.waiting).toBe(1);
    victim.end();
    await next;
    expect(order.at(-1)).toBe('next');
  });

  it('starts as many as before of an owner whose work has become cheap again', async () => {
    const { begin } = aQueue();
    await spendOnce(begin, 'reader', 30);
    for (let index = 0; index < 25; index += 1) await spendOnce(begin, 'reader', 1);
    await spendOnce(begin, 'victim', 5);
    await Promise.all(Array.from({ length: 8 }, () => begin('reader')));
  });

  it('counts work among those four, and as a reason for others to wait, for a second only', async () => {
    const { clock, begin } = aQueue();
    await begin('victim', 'an upload that never ends');
    for (let index = 0; index < 4; index += 1) await begin('attacker', 'another');
    clock.ms = 1_000;
    await heavy(begin, 'attacker');
    await begin('attacker');
  });

  it('starts the work of one owner in arrival order', async () => {
    const { order, begin } = aQueue();
    await heavy(begin, 'attacker');
    const victim = await begin('victim');
    const all = ['first', 'second', 'third'].map((name) => begin('attacker', name));
    await manyRounds();
    victim.end();
    await Promise.all(all);
    expect(order.slice(2)).toEqual(['first', 'second', 'third']);
  });

  it('grants one turn a round of the event loop, first to the owner that has used least', async () => {
    const { begin } = aQueue();
    const done: string[] = [];
    const [heavier, lighter] = [await begin('heavier'), await begin('lighter')];
    heavier.spend(50);
    const turns = [heavier.yield(5), heavier.yield(5), lighter.yield(5)].map((turn, index) =>
      turn.then(() => done.push(['heavier', 'heavier', 'lighter'][index] ?? '')),
    );
    const rounds: number[] = [];
    while (done.length < turns.length) {
      await round();
      rounds.push(done.length);
    }
    expect(done).toEqual(['lighter', 'heavier', 'heavier']);
    expect(Math.max(...rounds.map((count, index) => count - (rounds[index - 1] ?? 0)))).toBe(1);
  });

  it('grants no turn to an owner above its share while one that has used less is at work', async () => {
    const { queue, begin } = aQueue();
    const attacker = await begin('attacker');
    const victim = await begin('victim');
    let hasTurn = false;
    const turn = attacker.yield(ABOVE_SHARE_MS).then(() => {
      hasTurn = true;
    });
    await manyRounds();
    expect({ hasTurn, waiting: queue.waiting }).toEqual({ hasTurn: false, waiting: 1 });
    victim.end();
    await turn;
  });

  it('tells work of an owner above its share to go on only while none that has used less is at work', async () => {
    const { begin } = aQueue();
    const attacker = await begin('attacker');
    attacker.spend(ABOVE_SHARE_MS);
    expect(attacker.mayGoOn()).toBe(true);
    const victim = await begin('victim');
    expect([attacker.mayGoOn(), victim.mayGoOn()]).toEqual([false, true]);
    victim.end();
    expect(attacker.mayGoOn()).toBe(true);
  });

  describe('for lasting work', () => {
    const PER_SECOND = 10;
    const pacedQueue = () => {
      const { queue, clock, begin } = aQueue({ lastingPerSecond: PER_SECOND });
      const started: string[] = [];
      const last = async (owner: string) => {
        const work = await queue.start(owner, 'lasting');
        started.push(owner);
        work?.end();
      };
      return { queue, clock, begin, last, started };
    };
    const lastMany = (last: (owner: string) => Promise<void>, owner: string, count: number) =>
      Array.from({ length: count }, () => last(owner));

    it('starts as many pieces of an owner in a second as it may have while others use the process', async () => {
      const { queue, clock, begin, last, started } = pacedQueue();
      await spendOnce(begin, 'victim', 1);
      const all = lastMany(last, 'attacker', 30);
      await manyRounds();
      expect(started).toHaveLength(PER_SECOND);
      for (let tenths = 1; tenths <= 20; tenths += 1) {
        clock.ms = tenths * 100 + 5;
        await spendOnce(begin, 'victim', 1);
        await expect.poll(() => started.length).toBeGreaterThanOrEqual(Math.min(30, PER_SECOND + tenths - 1));
        expect(started.length).toBeLessThanOrEqual(PER_SECOND + tenths);
      }
      clock.ms = 3_000;
      await Promise.all(all);
      expect(queue.waiting).toBe(0);
    });

    it('starts all pieces of an owner at once while it is alone, and for others within their share', async () => {
      const { clock, begin, last, started } = pacedQueue();
      await Promise.all(lastMany(last, 'alone', 50));
      await spendOnce(begin, 'alone', 1);
      await Promise.all(lastMany(last, 'another', PER_SECOND));
      clock.ms = 10_000;
      await Promise.all(lastMany(last, 'alone', 50));
      expect(started).toHaveLength(110);
    });

    it('lets other requests of an owner pass while its lasting work waits', async () => {
      const { queue, begin, last } = pacedQueue();
      await spendOnce(begin, 'victim', 1);
      const all = lastMany(last, 'attacker', PER_SECOND + 5);
      await manyRounds();
      expect(queue.waiting).toBe(5);
      await begin('attacker', 'a read');
      void all;
    });

    it('is not held up by other work of its owner, such as a long load', async () => {
      const { begin, last, started } = pacedQueue();
      await spendOnce(begin, 'victim', 1);
      await heavy(begin, 'loader');
      await last('loader');
      expect(started).toEqual(['loader']);
    });
  });

  describe('with a bound on what an owner uses beside others', () => {
    const MOST_MS = 400;
    const TICKS = 300;
    const boundQueue = () => aQueue({ mostMsBesideOthers: MOST_MS });

    /** The turns of 10 ms that a load gets in as many ticks, with a short request of others in each tenth of a second. */
    async function turnsOf({ clock, begin }: ReturnType<typeof boundQueue>, isAlone: boolean): Promise<number> {
      const load = await begin('loader');
      const state = { turns: 0, waits: false };
      for (let tick = 0; tick < TICKS; tick += 1) {
        clock.ms += 10;
        if (!isAlone && tick % 10 === 0) await spendOnce(begin, 'victim', 1);
        if (!state.waits) {
          state.waits = true;
          void load.yield(10).then(() => {
            Object.assign(state, { turns: state.turns + 1, waits: false });
          });
        }
        // As long as the queue takes to look again.
        await sleep(4);
      }
      load.end();
      return state.turns;
    }

    it('leaves the rest of each second to others, also while they are not at work', async () => {
      const [seconds, burstMs] = [TICKS / 100, MOST_MS];
      const turns = await turnsOf(boundQueue(), false);
      expect(turns).toBeLessThanOrEqual((seconds * MOST_MS + burstMs) / 10 + 1);
      expect(turns).toBeGreaterThan((seconds * MOST_MS) / 10 / 2);
    });

    it('leaves nothing unused while an owner is alone', async () => {
      expect(await turnsOf(boundQueue(), true)).toBeGreaterThan(TICKS * 0.9);
    });

    it('holds back starts of an owner that has used as much, until a part of it is forgotten', async () => {
      const { clock, begin, order } = boundQueue();
      await spendOnce(begin, 'victim', 5);
      await spendOnce(begin, 'attacker', MOST_MS + 50);
      const waiting = begin('attacker', 'further');
      await manyRounds();
      expect(order).not.toContain('further');
      clock.ms = 200;
      await waiting;
      expect(order.at(-1)).toBe('further');
    });

    it('holds nothing back for an owner that has made a single short request', async () => {
      const { clock, begin, order } = boundQueue();
      await spendOnce(begin, 'victim', 1);
      clock.ms = 20;
      await spendOnce(begin, 'loader', MOST_MS + 50);
      await begin('loader', 'further');
      expect(order.at(-1)).toBe('further');
    });

    it('delays no owner within its share', async () => {
      const { begin, order } = boundQueue();
      await spendOnce(begin, 'attacker', MOST_MS + 50);
      await spendOnce(begin, 'victim', 80);
      await begin('victim', 'second');
      expect(order.at(-1)).toBe('second');
    });

    it('leaves a tenth of each second to an owner while one that has used less is always at work', async () => {
      const { clock, begin } = boundQueue();
      const load = await begin('loader');
      let turns = 0;
      for (let tick = 0; tick < TICKS; tick += 1) {
        clock.ms += 10;
        if (tick % 50 === 0) await begin('victim');
        if (load.mayGoOn()) {
          load.spend(10);
          turns += 1;
        }
      }
      expect(turns).toBeGreaterThanOrEqual(TICKS / 10);
      expect(turns).toBeLessThan(TICKS / 5);
    });

    it('may be as high as two shares of a second, and holds then too', async () => {
      const { begin, order, clock } = aQueue({ mostMsBesideOthers: 900 });
      await spendOnce(begin, 'victim', 5);
      await spendOnce(begin, 'attacker', 850);
      await spendOnce(begin, 'attacker', 100);
      const waiting = begin('attacker', 'beyond');
      await manyRounds();
      expect(order).toEqual(['victim', 'attacker', 'attacker']);
      clock.ms = 200;
      await waiting;
    });
  });

  it('refuses work that waits too long, and counts it', async () => {
    const { queue, begin } = aQueue({ maxWaitMs: 1 });
    await heavy(begin, 'attacker');
    await begin('victim');
    expect(await queue.start('attacker')).toBeNull();
    expect({ refused: queue.refused, waiting: queue.waiting }).toEqual({ refused: 1, waiting: 0 });
  });
});
