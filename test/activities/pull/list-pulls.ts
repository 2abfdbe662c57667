import { afterAll, beforeAll } from 'vitest';
import type { SyncMode } from '../../../contracts/providers.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { pageCursor } from '../../../domain/sync/pull/pull-plan.ts';
import type { PullPlan } from '../../../domain/sync/pull/pull-plan.ts';
import { MadeUpLists, PAGE_SIZE, isCursorGone, madeUpProviders } from '../../support/made-up/made-up-lists.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { RunOptions, TestVenue } from '../../support/worlds/sync-world.ts';

/** How many people the made-up lists have, and on how many pages. */
export const COUNT = 95;
export const PAGES = Math.ceil(COUNT / PAGE_SIZE);

/** A plan of one stream, without a list of changes. */
export const streamOf = (stream: PullPlan['listing'][number][number], more: Partial<PullPlan> = {}): PullPlan => ({
  ...{ listing: [[stream]], changes: null, mayVanish: true },
  ...more,
});
export const FROM_START = streamOf(pageCursor('people-by-cursor', { afterExpiry: { from: 'start' }, isCursorGone }));
export const BY_TIME = streamOf(
  pageCursor('people-by-cursor', { afterExpiry: { from: 'time', overlapS: 3 }, isCursorGone }),
);

/** Pulls of made-up lists for the tests of a `describe`, each into a venue of its own. */
export function listPulls() {
  const lists = new MadeUpLists();
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;
  beforeAll(async () => {
    world = await createSyncWorld({ providersOn: madeUpProviders(lists) });
  });
  afterAll(() => world.close());
  return {
    lists,
    get world() {
      return world;
    },
    get venue() {
      return venue;
    },
    /** A new venue and account, whose lists have `count` people. */
    begin: async (plan: PullPlan, count = COUNT) => {
      lists.reset(plan, count);
      venue = await world.aVenue();
    },
    /** The ids at the provider of the records that the venue has. */
    held: async (): Promise<readonly string[]> => {
      const rows = await world.database.admin<{ external_id: string }[]>`
        select l.external_id from record_links l join customers c on c.id = l.record_id
        where l.connection_id = ${venue.connectionId} and c.deleted_at is null order by 1`;
      return rows.map((row) => row.external_id);
    },
    /** A full pull that is planned, before its first chunk. */
    begun: async (): Promise<SyncConnectionInput> => {
      const input = await world.open(venue, 'pull', 'full');
      await world.begin(input);
      return input;
    },
    /** A whole run. */
    pull: (mode?: SyncMode, options?: RunOptions) => world.sync(venue, 'pull', mode, options),
    toEnd: async (input: SyncConnectionInput) => {
      while ((await world.chunk(input)).status === 'more');
      return world.finish(input);
    },
  };
}
