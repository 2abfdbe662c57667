import { describe, expect, it } from 'vitest';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { offset } from '../../../domain/sync/pull/pull-plan.ts';
import { PAGE_SIZE, planOf } from '../../support/made-up/made-up-lists.ts';
import { until } from '../../support/eventually.ts';
import { listPulls } from './list-pulls.ts';

const PAGES = 4;
const COUNT = PAGES * PAGE_SIZE;
const PLAN = planOf([offset('people-by-offset', { overlap: 1 })]);
const LIMITS = { limitMs: 20_000, everyMs: 5 };

describe('a pull', () => {
  const pulls = listPulls();
  const { lists, toEnd } = pulls;
  const begun = async () => {
    await pulls.begin(PLAN, COUNT);
    return pulls.begun();
  };
  const names = async () =>
    new Map(
      (
        await pulls.world.database.admin<{ external_id: string; name: string }[]>`
          select l.external_id, c.name from record_links l join customers c on c.id = l.record_id
          where l.connection_id = ${pulls.venue.connectionId}`
      ).map((row) => [row.external_id, row.name] as const),
    );
  const hasAsked = (stream: string) => () => Promise.resolve(lists.asked.some((one) => one.stream === stream));
  const stageOf = async ({ syncId }: SyncConnectionInput) => {
    const [run] = await pulls.world.database.admin<{ kind: string }[]>`
      select checkpoint -> 'stages' -> 0 ->> 'kind' as kind from sync_runs where id = ${syncId}`;
    return run?.kind;
  };
  /**
   * Holds every commit of the run from its first page on until the returned function is called, which may change the run.
   * The first page is requested while the mark before it is being stored, which is not to be held.
   */
  const holdCommits = (input: SyncConnectionInput) => {
    const { syncId } = input;
    const hold = Promise.withResolvers<{ readonly fenced: boolean }>();
    const held = Promise.withResolvers<undefined>();
    const released = pulls.world.database.admin.begin(async (tx) => {
      await until(hasAsked('people-by-offset'), { ...LIMITS, what: 'the first page' });
      await until(async () => (await stageOf(input)) === 'listing', { ...LIMITS, what: 'the mark is stored' });
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
    const chunk = pulls.world.chunk(input);
    const failed = expect(chunk).rejects.toThrow();
    await until(hasAsked('changes'), { ...LIMITS, what: 'the change feed' });
    await release({ fenced: true });
    await failed;
    expect((await names()).size).toBe(0);
    expect(await stageOf(input)).toBe('listing');
    expect((await toEnd(input)).counts).toMatchObject({ read: COUNT, created: COUNT });
  });
});
