import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { timeWindows } from '../../../domain/sync/pull/pull-plan.ts';
import { MadeUpLists, PAGE_SIZE, madeUpProviders, planOf } from '../../support/made-up/made-up-lists.ts';
import { until } from '../../support/eventually.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

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

const lists = new MadeUpLists();
let world: Awaited<ReturnType<typeof createSyncWorld>>;
beforeAll(async () => {
  world = await createSyncWorld({ providersOn: madeUpProviders(lists) });
});
afterAll(() => world.close());

it('a listing has enough open parts for every lane, although the pages that it began with wait to be stored', async () => {
  lists.reset(PLAN, COUNT);
  const venue = await world.aVenue();
  const input = await world.open(venue, 'pull', 'full');
  await world.begin(input);
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
  const ended = (async () => {
    while ((await world.chunk(input)).status === 'more');
    return world.finish(input);
  })();
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
