import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { offset } from '../../../domain/sync/pull/pull-plan.ts';
import { MadeUpLists, PAGE_SIZE, madeUpProviders, planOf } from '../../support/made-up/made-up-lists.ts';
import { until } from '../../support/eventually.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

const PAGES = 4;
const COUNT = PAGES * PAGE_SIZE;
const PLAN = planOf([offset('people-by-offset', { overlap: 1 })]);
const LIMITS = { limitMs: 20_000, everyMs: 5 };

describe('a pull', () => {
  const lists = new MadeUpLists();
  let world: Awaited<ReturnType<typeof createSyncWorld>>;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld({ providersOn: madeUpProviders(lists) });
  });
  afterAll(() => world.close());

  const begun = async () => {
    lists.reset(PLAN, COUNT);
    venue = await world.aVenue();
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    return input;
  };
  const names = async () =>
    new Map(
      (
        await world.database.admin<{ external_id: string; name: string }[]>`
          select l.external_id, c.name from record_links l join customers c on c.id = l.record_id
          where l.connection_id = ${venue.connectionId}`
      ).map((row) => [row.external_id, row.name] as const),
    );
  const hasAsked = (stream: string) => () => Promise.resolve(lists.asked.some((one) => one.stream === stream));
  const stageOf = async ({ syncId }: SyncConnectionInput) => {
    const [run] = await world.database.admin<{ kind: string }[]>`
      select checkpoint -> 'stages' -> 0 ->> 'kind' as kind from sync_runs where id = ${syncId}`;
    return run?.kind;
  };
  const toEnd = async (input: SyncConnectionInput) => {
    while ((await world.chunk(input)).status === 'more');
    return world.finish(input);
  };
  /** Holds every commit of the run from its first page on until the returned function is called, which may change the run. */
  const holdCommits = ({ syncId }: SyncConnectionInput) => {
    const hold = Promise.withResolvers<{ readonly fenced: boolean }>();
    const held = Promise.withResolvers<undefined>();
    const released = world.database.admin.begin(async (tx) => {
      await until(hasAsked('people-by-offset'), { ...LIMITS, what: 'the first page' });
      await tx`select from sync_runs where id = ${syncId} for update`;
      held.resolve(undefined);
      if ((await hold.promise).fenced) await tx`update sync_runs set fence = fence + 1 where id = ${syncId}`;
    });
    lists.onPage(1, async (page) => {
      await held.promise;
      return page;
    });
    return async (options: { readonly fenced: boolean }) => {
      hold.resolve(options);
      await released;
    };
  };

  it('requests what changed meanwhile while the last pages of the listing are being stored', async () => {
    const input = await begun();
    const release = holdCommits(input);
    const ended = toEnd(input);
    await until(hasAsked('changes'), { ...LIMITS, what: 'the change feed' });
    expect((await names()).size).toBe(0);
    expect(lists.asked.filter(({ stream }) => stream === 'people-by-offset').length).toBeGreaterThanOrEqual(PAGES);
    await release({ fenced: false });
    expect((await ended).counts).toMatchObject({ read: COUNT, created: COUNT });
    expect(lists.asked.filter(({ stream }) => stream === 'changes')).toHaveLength(1);
  });

  it('stores nothing of the change feed when the listing before it could not be stored', async () => {
    const input = await begun();
    const release = holdCommits(input);
    const chunk = world.chunk(input);
    const failed = expect(chunk).rejects.toThrow();
    await until(hasAsked('changes'), { ...LIMITS, what: 'the change feed' });
    await release({ fenced: true });
    await failed;
    expect((await names()).size).toBe(0);
    expect(await stageOf(input)).toBe('listing');
    expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
  });
});
