import { expect, it } from 'vitest';
import { Gate } from '../../../activities/sync/bulk-throttle.ts';

it('the bulk throttle admits at most N at a time in arrival order, even when one fails', async () => {
  const gate = new Gate(() => 2);
  const begun: number[] = [];
  const ends: ((failed: boolean) => void)[] = [];
  const works = Array.from({ length: 5 }, (_, index) =>
    gate.pass(() => {
      begun.push(index);
      return new Promise<number>((resolve, reject) => {
        ends[index] = (failed) => {
          if (failed) reject(new Error('failed'));
          else resolve(index);
        };
      });
    }),
  );
  const settled = Promise.allSettled(works);
  expect(begun).toEqual([0, 1]);
  ends[1]?.(true);
  await expect(works[1]).rejects.toThrow('failed');
  expect(begun).toEqual([0, 1, 2]);
  for (const index of [0, 2, 3, 4]) {
    ends[index]?.(false);
    expect(await works[index]).toBe(index);
  }
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  await settled;
  // Every slot is free again.
  expect(
    await Promise.all([
      gate.pass(() => Promise.resolve('a')),
      gate.pass(() => Promise.resolve('b')),
      gate.pass(() => Promise.resolve('c')),
    ]),
  ).toEqual(['a', 'b', 'c']);
});

it('the bulk throttle lets running work finish when it is narrowed, and admits more as slots become free', async () => {
  let places = 3;
  const gate = new Gate(() => places);
  const ends: (() => void)[] = [];
  const works = Array.from({ length: 6 }, () => gate.pass(() => new Promise<void>((resolve) => ends.push(resolve))));
  expect(ends).toHaveLength(3);
  places = 1;
  ends[0]?.();
  ends[1]?.();
  await Promise.all(works.slice(0, 2));
  expect(ends).toHaveLength(3);
  places = 3;
  ends[2]?.();
  await works[2];
  expect(ends).toHaveLength(6);
  for (const end of ends) end();
  await Promise.all(works);
});
