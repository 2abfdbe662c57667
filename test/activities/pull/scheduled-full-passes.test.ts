import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSchedulingActivities } from '../../../activities/sync/schedules.ts';
import type { SyncId } from '../../../contracts/ids.ts';
import type { SyncMode } from '../../../contracts/providers.ts';
import type { OpenScheduledRunResult, ScheduledSyncInput, SyncConnectionInput } from '../../../contracts/sync.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a schedule’s full pass', () => {
  let world: World;
  let venue: TestVenue;
  let input: ScheduledSyncInput;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.seed({ resource: 'customers', count: 3 });
    venue = await world.aVenue();
    // A schedule from before the option existed.
    input = { ...venue, provider: 'stripe', resource: 'customers', direction: 'pull', providerName: 'Stripe' };
  });

  let opened = 0;
  /** The next run that the schedule opens; null when it is skipped. */
  const due = async (asked = input): Promise<SyncConnectionInput | null> => {
    opened += 1;
    const environment = new MockActivityEnvironment({
      attempt: 1,
      workflowExecution: { workflowId: 'scheduled-sync', runId: `run-${opened}` },
    });
    const answer: OpenScheduledRunResult = await environment.run(
      createSchedulingActivities(world.deps).openScheduledRun,
      asked,
    );
    return answer.run;
  };
  const drop = (syncId: SyncId | undefined) => world.database.admin`delete from sync_runs where id = ${syncId ?? null}`;
  /** The mode of a run opened now. */
  const mode = async (asked = input): Promise<SyncMode | undefined> => {
    const run = await due(asked);
    await drop(run?.syncId);
    return run?.mode;
  };
  const carryOut = async (run: SyncConnectionInput | null, end: 'done' | 'failed' | 'cancelled' = 'done') => {
    if (!run) throw new Error('nothing was opened');
    await world.begin(run);
    if (end === 'done') while ((await world.chunk(run)).status === 'more');
    return world.finish(run, end);
  };
  /** Moves everything that happened to the venue's syncs into the past. */
  const hoursPass = async (hours: number) => {
    const { admin } = world.database;
    const by = `${hours} hours`;
    await admin`update sync_cursors set full_started_at = full_started_at - ${by}::interval, full_finished_at = full_finished_at - ${by}::interval where connection_id = ${venue.connectionId}`;
    await admin`update sync_runs set created_at = created_at - ${by}::interval, started_at = started_at - ${by}::interval where connection_id = ${venue.connectionId}`;
  };
  const passes = () => world.schedules.listFullPasses(venue);

  it('is the first run, and the next ones are incremental for a week', async () => {
    const first = await due();
    expect(first?.mode).toBe('full');
    await carryOut(first);
    expect(await passes()).toEqual([
      {
        resource: 'customers',
        direction: 'pull',
        startedAt: expect.any(Date) as Date,
        finishedAt: expect.any(Date) as Date,
        attemptedAt: expect.any(Date) as Date,
      },
    ]);
    expect(await mode()).toBe('incremental');
    await hoursPass(6 * 24);
    expect(await mode()).toBe('incremental');
    await hoursPass(24);
    expect(await mode()).toBe('full');
  });

  it('is not due after a first pull, which reads everything in any mode', async () => {
    await world.sync(venue, 'pull', 'incremental');
    expect(await mode()).toBe('incremental');
    await hoursPass(7 * 24);
    await world.sync(venue, 'pull', 'incremental');
    expect(await mode()).toBe('full');
  });

  it('counts even when somebody else requested it', async () => {
    await world.sync(venue, 'pull');
    await hoursPass(7 * 24);
    await world.sync(venue, 'pull');
    expect(await mode()).toBe('incremental');
  });

  it('is not counted for a dry run, a window or another resource', async () => {
    await world.sync(venue, 'pull');
    await hoursPass(7 * 24);
    await world.sync(venue, 'pull', 'full', { dryRun: true });
    await world.sync(venue, 'pull', 'full', { resource: 'products' });
    const window = { from: null, to: new Date() };
    const { run } = await world.runs.openOrJoin({
      ...venue,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
      mode: 'full',
      requestedBy: 'test',
      window,
    });
    await carryOut({
      ...venue,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
      mode: 'full',
      syncId: run.id,
      window: { fromEpochS: null, toEpochS: Math.ceil(Date.now() / 1_000) },
    });
    expect(await mode()).toBe('full');
  });

  it.each(['failed', 'cancelled'] as const)(
    'that is %s is retried after six hours, with incremental runs in between',
    async (end) => {
      await carryOut(await due());
      await hoursPass(7 * 24);
      const again = await due();
      expect(again?.mode).toBe('full');
      await carryOut(again, end);
      expect(await mode()).toBe('incremental');
      await hoursPass(5);
      expect(await mode()).toBe('incremental');
      await hoursPass(1);
      expect(await mode()).toBe('full');
    },
  );

  it('comes at the schedule’s interval, or never', async () => {
    await carryOut(await due());
    await hoursPass(24);
    expect(await mode({ ...input, fullEveryMs: 24 * 3_600_000 })).toBe('full');
    expect(await mode({ ...input, fullEveryMs: 2 * 24 * 3_600_000 })).toBe('incremental');
    await hoursPass(365 * 24);
    expect(await mode({ ...input, fullEveryMs: null })).toBe('incremental');
  });

  it('of a push compares every record and has its own time', async () => {
    await world.load(venue, 2);
    const push = { ...input, direction: 'push' } as const;
    const first = await due(push);
    expect(first?.mode).toBe('full');
    expect(await carryOut(first)).toMatchObject({ counts: { created: 2 } });
    expect((await passes()).map(({ direction }) => direction)).toEqual(['push']);
    expect(await mode(push)).toBe('incremental');
    expect(await mode()).toBe('full');
    await hoursPass(7 * 24);
    const second = await due(push);
    expect(second?.mode).toBe('full');
    expect(await carryOut(second)).toMatchObject({ done: 2, counts: { created: 0, updated: 0 } });
  });

  it('repairs a change that no event reported', async () => {
    await carryOut(await due());
    await world.database.admin`update customers set name = 'Bent' where venue_id = ${venue.venueId}`;
    await world.database
      .admin`update record_links set fingerprint = 'bent' where connection_id = ${venue.connectionId}`;
    await carryOut(await due());
    const names = async () =>
      (await world.database.admin`select distinct name from customers where venue_id = ${venue.venueId}`).map(
        ({ name }) => name as string,
      );
    expect(await names()).toEqual(['Bent']);
    await hoursPass(7 * 24);
    await world.database
      .admin`update record_links set external_version = external_version - 10000 where connection_id = ${venue.connectionId}`;
    await carryOut(await due());
    expect(await names()).not.toContain('Bent');
  });
});
