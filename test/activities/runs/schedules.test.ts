import { MockActivityEnvironment } from '@temporalio/testing';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSchedulingActivities } from '../../../activities/sync/schedules.ts';
import type { ConnectionId, SyncId } from '../../../contracts/ids.ts';
import type { OpenScheduledRunResult, ScheduledSyncInput } from '../../../contracts/sync.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('the opening of a scheduled run', () => {
  let world: World;
  let venue: TestVenue;
  let input: ScheduledSyncInput;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    venue = await world.aVenue();
    input = {
      ...venue,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
      providerName: 'Stripe',
      fullEveryMs: null,
    };
  });

  /** One attempt of the activity, in the workflow run `runId`. */
  const attempt = (runId: string, number = 1, asked = input): Promise<OpenScheduledRunResult> =>
    new MockActivityEnvironment({ attempt: number, workflowExecution: { workflowId: 'scheduled-sync', runId } }).run(
      createSchedulingActivities(world.deps).openScheduledRun,
      asked,
    );
  const rows = () =>
    world.database
      .admin`select id, mode, requested_by from sync_runs where connection_id = ${venue.connectionId} order by id`;
  const begin = (syncId: SyncId | undefined) =>
    world.database.admin`update sync_runs set started_at = now() where id = ${syncId ?? null}`;
  const end = (syncId: SyncId | undefined) =>
    world.database
      .admin`update sync_runs set started_at = now(), finished_at = now(), phase = 'finished', outcome = 'completed' where id = ${syncId ?? null}`;

  it('opens an incremental run for the schedule’s workflow run', async () => {
    const { run, skipped } = await attempt('run-1');
    expect(run).toEqual({
      ...venue,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
      syncId: expect.any(String) as SyncId,
      mode: 'incremental',
    });
    expect(skipped).toBeNull();
    expect(await rows()).toEqual([{ id: run?.syncId, mode: 'incremental', requested_by: 'schedule:run-1' }]);
  });

  it('opens one run, however often its answer is lost', async () => {
    const first = await attempt('run-1');
    expect(await attempt('run-1', 2)).toEqual(first);
    await begin(first.run?.syncId);
    expect(await attempt('run-1', 3)).toEqual(first);
    expect(await rows()).toHaveLength(1);
  });

  it('opens no second run when somebody else has finished the first meanwhile', async () => {
    const { run } = await attempt('run-1');
    await end(run?.syncId);
    expect(await attempt('run-1', 2)).toEqual({ run: null, skipped: 'already-running' });
    expect(await rows()).toHaveLength(1);
  });

  it('returns the run of a lost attempt even if the connection has been lost since, because the run must still be ended', async () => {
    const first = await attempt('run-1');
    await world.connections.setState(venue, { state: 'needs-reauth', cause: 'a test', nextAction: null });
    expect(await attempt('run-1', 2)).toEqual(first);
  });

  it('opens another for the next workflow run, once the first is over', async () => {
    const first = await attempt('run-1');
    await end(first.run?.syncId);
    const second = await attempt('run-2');
    expect(second.skipped).toBeNull();
    expect(second.run?.syncId).not.toBe(first.run?.syncId);
  });

  it('opens none while another run of the same sync is open, whoever requested it, regardless of other directions', async () => {
    const open = await world.open(venue, 'pull', 'full');
    await begin(open.syncId);
    expect(await attempt('run-1')).toEqual({ run: null, skipped: 'already-running' });
    const push = await attempt('run-2', 1, { ...input, direction: 'push' });
    expect(push).toMatchObject({ skipped: null, run: { direction: 'push' } });
  });

  it('adopts a run that never began, because its starter may have died', async () => {
    const open = await world.open(venue, 'pull', 'full');
    expect(await attempt('run-1')).toEqual({ run: { ...open, syncId: open.syncId, mode: 'full' }, skipped: null });
    expect(await rows()).toHaveLength(1);
  });

  it.each(['needs-reauth', 'suspended', 'disconnected'] as const)(
    'opens none on a connection that is %s',
    async (state) => {
      await world.connections.setState(venue, { state, cause: 'a test', nextAction: null });
      expect(await attempt('run-1')).toEqual({ run: null, skipped: 'connection-not-active' });
      expect(await rows()).toEqual([]);
    },
  );

  it('opens one on a degraded connection, which still works', async () => {
    await world.connections.setState(venue, { state: 'degraded', cause: 'a test', nextAction: null });
    expect(await attempt('run-1')).toMatchObject({ skipped: null, run: { direction: 'pull' } });
    expect(await rows()).toHaveLength(1);
  });

  it('opens none on a connection that is gone, or another venue’s', async () => {
    const other = await world.aVenue();
    for (const asked of [
      { ...input, connectionId: uuidv7() as ConnectionId },
      { ...input, venueId: other.venueId },
    ]) {
      expect(await attempt('run-1', 1, asked)).toEqual({ run: null, skipped: 'connection-gone' });
    }
    expect(await rows()).toEqual([]);
  });
});
