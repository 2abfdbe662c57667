import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncId } from '../../../contracts/ids.ts';
import { createSyncControlActivities } from '../../../activities/sync/sync-control.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('the beginning and the end of a run', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld();
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const row = async (syncId: SyncId) => (await world.database.admin`select * from sync_runs where id = ${syncId}`)[0]!;
  const logged = async (syncId: SyncId) =>
    (await world.database.admin`select action, code from sync_logs where sync_id = ${syncId} order by seq`).map(
      ({ action, code }) => `${action} ${code}`,
    );
  const watermark = async () =>
    (await world.database.admin`select watermark from sync_cursors where connection_id = ${venue.connectionId}`)[0]?.[
      'watermark'
    ] as Date | undefined;

  it('permanently rejects a missing run', async () => {
    const input = {
      ...(await world.open(venue, 'pull', 'full')),
      syncId: '0199f2c8-0000-7000-8000-000000000009' as SyncId,
    };
    await expect(world.begin(input)).rejects.toMatchObject({ type: FAILURE.runUnavailable, nonRetryable: true });
    await expect(world.finish(input)).rejects.toMatchObject({ type: FAILURE.runUnavailable, nonRetryable: true });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.superseded, nonRetryable: true });
  });

  it('treats another venue’s run as missing', async () => {
    const other = await world.aVenue();
    const input = { ...(await world.open(venue, 'pull', 'full')), ...other };
    await expect(world.begin(input)).rejects.toMatchObject({ type: FAILURE.runUnavailable });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.superseded });
  });

  it('plans once; a second beginning continues from the existing plan', async () => {
    await world.load(venue, 3);
    const input = await world.open(venue, 'push', 'full');
    expect(await world.begin(input)).toMatchObject({ resumed: false, total: 3, done: 0 });
    await world.load(venue, 4, 100);
    expect(await world.begin(input)).toMatchObject({ resumed: true, total: 3 });
    await world.chunk(input);
    expect(await world.begin(input)).toMatchObject({ resumed: true, done: 7, counts: { created: 7 } });
    expect((await logged(input.syncId)).filter((line) => line.startsWith('phase'))).toEqual([
      'phase queued',
      'phase estimating',
      'phase running',
    ]);
  });

  it('ends once; a second end changes nothing, even with another outcome', async () => {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.chunk(input);
    const first = await world.finish(input);
    const [before, mark, lines] = [await row(input.syncId), await watermark(), await logged(input.syncId)];
    expect(await world.finish(input)).toEqual(first);
    expect(await world.finish(input, 'failed')).toEqual(first);
    expect(await row(input.syncId)).toEqual(before);
    expect(await watermark()).toEqual(mark);
    expect(await logged(input.syncId)).toEqual(lines);
  });

  it('advances the watermark only when everything was read', async () => {
    for (const end of ['cancelled', 'failed'] as const) {
      const input = await world.open(venue, 'pull', 'full');
      await world.begin(input);
      expect(await world.finish(input, end)).toMatchObject({ outcome: end });
      expect(await watermark()).toBeUndefined();
    }
    await world.sync(venue, 'pull');
    expect((await watermark())?.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it('reopens a finished run that an operator has reset, where it stopped', async () => {
    await world.stripe.seed({ resource: 'customers', count: 150 });
    const run = await world.sync(venue, 'pull');
    const input = { ...(await world.open(venue, 'pull', 'full')), syncId: run.syncId };
    // The newly opened run prevents it.
    await expect(world.begin(input)).rejects.toMatchObject({ type: FAILURE.runUnavailable, nonRetryable: true });
    await world.database
      .admin`update sync_runs set finished_at = now(), outcome = 'cancelled', phase = 'finished' where venue_id = ${venue.venueId} and finished_at is null`;
    expect(await world.begin(input)).toMatchObject({ resumed: true, done: 150 });
    expect(await row(run.syncId)).toMatchObject({
      finished_at: null,
      outcome: null,
      error: null,
      stop_requested_at: null,
    });
    expect(await world.chunk(input)).toMatchObject({ status: 'done', done: 150 });
    expect(await world.finish(input)).toMatchObject({ outcome: 'completed', done: 150 });
  });

  it('prevents further writes by attempts of an ended run', async () => {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.finish(input, 'cancelled');
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.superseded, nonRetryable: true });
  });

  it('explains in our own words why a run failed and what to do', async () => {
    const control = createSyncControlActivities(world.deps);
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.aStage().run(control.finishSync, {
      ...input,
      end: 'failed' as const,
      failure: { type: FAILURE.needsReauth, message: 'the text of a provider' },
    });
    expect(await row(input.syncId)).toMatchObject({
      outcome: 'failed',
      error: { code: 'needs-reauth', nextAction: expect.any(String) as string },
    });
    expect(JSON.stringify(await row(input.syncId))).not.toContain('the text of a provider');
  });

  it('marks a connection whose key was refused as needing a new one, shows that the run waits, and calls nobody meanwhile', async () => {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.stripe.fault({ match: {}, kind: 'revoke', times: 1 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.needsReauth, nonRetryable: true });
    expect(await world.connections.find(venue)).toMatchObject({ state: 'needs-reauth' });
    expect(await row(input.syncId)).toMatchObject({ phase: 'waiting', waiting_for: { what: 'needs-reauth' } });
    const before = (await world.stripe.calls()).length;
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.needsReauth, nonRetryable: true });
    expect(await world.stripe.calls()).toHaveLength(before);
  });

  it('reveals nothing of its database when that is down', async () => {
    const broken = {
      ...world.progress,
      begin: () =>
        Promise.reject(
          Object.assign(new Error('select * from customers where email = ada@private.example'), { code: '57P01' }),
        ),
    };
    const control = createSyncControlActivities({ ...world.deps, progress: broken });
    const error: unknown = await world
      .aStage()
      .run(control.beginSync, await world.open(venue, 'pull', 'full'))
      .catch((cause: unknown) => cause);
    expect(error).toMatchObject({ type: 'Internal', nonRetryable: false, message: 'Error 57P01' });
  });
});
