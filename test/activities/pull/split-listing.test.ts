import { setTimeout as delay } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import { PAGE_SIZE, planOf } from '../../support/made-up/made-up-lists.ts';
import { until } from '../../support/eventually.ts';
import { listPulls } from './list-pulls.ts';

/** As many calls as the made-up provider takes at once. */
const LANES = 8;
/** Lanes but that in which the newest change is asked for, behind which pages wait. */
const WAITING = LANES - 1;
const PAGES = 200;
const COUNT = PAGES * PAGE_SIZE;
/** Long enough that the budget keeps every lane busy. */
const LATENCY_MS = 100;
const PLAN = planOf([timeWindows('people-by-creation')]);
const LIMITS = { limitMs: 20_000, everyMs: 5 };

const { lists, begin, begun, toEnd } = listPulls();

it('a listing has enough open parts for every lane, although the pages that it began with wait to be stored', async () => {
  await begin(PLAN, COUNT);
  const input = await begun();
  const [marked, letGo] = [Promise.withResolvers<number | null>(), Promise.withResolvers<null>()];
  lists.newestChange = () => marked.promise;
  let answeredCount = 0;
  for (let nth = 1; nth <= WAITING + LANES; nth += 1)
    lists.onPage(nth, async (page) => {
      await delay(LATENCY_MS);
      if (nth > WAITING) await letGo.promise;
      answeredCount += 1;
      return page;
    });
  const ended = toEnd(input);
  await until(() => Promise.resolve(answeredCount === WAITING), {
    ...LIMITS,
    what: 'every lane has a page that waits',
  });
  marked.resolve(null);
  await until(() => Promise.resolve(lists.asked.length === WAITING + LANES), {
    ...LIMITS,
    what: 'every lane reads a part',
  });
  letGo.resolve(null);
  expect((await ended).counts).toMatchObject({ read: COUNT, created: COUNT });
});
