import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import { createSyncControlActivities } from '../../../activities/sync/sync-control.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a run that makes no progress', () => {
  let world: World;
  let venue: TestVenue;

  beforeAll(async () => {
    world = await createSyncWorld({ withProxy: true });
  });
  afterAll(() => world.close());
  beforeEach(async () => {
    world.proxy.edit(null);
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
    await world.stripe.seed({ resource: 'customers', count: 5 });
  });
  afterEach(() => world.database.admin.unsafe('grant insert on customers to interlock_app'));

  const shown = async ({ syncId }: SyncConnectionInput) => {
    const run = await world.runs.find(venue.venueId, syncId);
    return { phase: run?.phase, what: run?.waitingFor?.what, code: run?.error?.code };
  };
  const aRun = async () => {
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    return input;
  };
  const bug = (): never => {
    const nothing = { secret: 'ada@example.com' } as unknown as { readonly name: { readonly first: string } };
    throw new TypeError(`cannot read ${JSON.stringify(nothing)}`);
  };
  const brokenPulls = () =>
    createSyncChunkActivities({ ...world.deps, pulls: { ...world.deps.pulls, commit: async () => bug() } });

  it('shows it when a bug throws in its activity, quotes nothing of it, and stops showing it once it continues', async () => {
    const input = await aRun();
    await expect(world.aStage().run(brokenPulls().syncChunk, input)).rejects.toThrow();
    expect(await shown(input)).toEqual({ phase: 'waiting', what: 'internal', code: 'internal' });
    const run = await world.runs.find(venue.venueId, input.syncId);
    expect(JSON.stringify([run, await world.logOf(venue, input.syncId)])).not.toMatch(/ada@example/);

    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    await world.finish(input);
    expect(await shown(input)).toEqual({ phase: 'finished', what: undefined, code: undefined });
  });

  it('stops showing it from its next commit on, while it still runs', async () => {
    const input = await aRun();
    await expect(world.aStage().run(brokenPulls().syncChunk, input)).rejects.toThrow();
    await world.chunk(input);
    expect(await shown(input)).toEqual({ phase: 'running', what: undefined, code: undefined });
  });

  it('shows it when the database fails for a reason that no record causes', async () => {
    const input = await aRun();
    await world.database.admin.unsafe('revoke insert on customers from interlock_app');
    await expect(world.chunk(input)).rejects.toThrow();
    expect(await shown(input)).toEqual({ phase: 'waiting', what: 'internal', code: 'internal' });
  });

  it('shows it when it cannot be taken over, planned or closed', async () => {
    const input = await world.open(venue, 'pull', 'full');
    const control = createSyncControlActivities({
      ...world.deps,
      progress: { ...world.deps.progress, start: async () => bug(), finish: async () => bug() },
    });
    await expect(world.aStage().run(control.beginSync, input)).rejects.toThrow();
    expect(await shown(input)).toEqual({ phase: 'waiting', what: 'internal', code: 'internal' });
    await world.begin(input);
    expect(await shown(input)).toEqual({ phase: 'running', what: undefined, code: undefined });

    const chunks = createSyncChunkActivities({
      ...world.deps,
      progress: { ...world.deps.progress, takeOver: async () => bug() },
    });
    await expect(world.aStage().run(chunks.syncChunk, input)).rejects.toThrow();
    expect(await shown(input)).toEqual({ phase: 'waiting', what: 'internal', code: 'internal' });
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });

    await expect(world.aStage().run(control.finishSync, { ...input, end: 'done' as const })).rejects.toThrow();
    expect(await shown(input)).toEqual({ phase: 'waiting', what: 'internal', code: 'internal' });
    expect(await world.finish(input)).toMatchObject({ outcome: 'completed' });
    expect(await shown(input)).toEqual({ phase: 'finished', what: undefined, code: undefined });
  });

  it.each([
    ['not a list', { object: 'customers', nothing: true }],
    ['not JSON', '<html>An error page</html>'],
  ])('reports an answer that is %s as an unexpected response, not as an outage', async (_what, body) => {
    const input = await aRun();
    world.proxy.edit((answer) => {
      if (answer.path === '/v1/customers') answer.body = body;
    });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: 'ProviderUnexpectedResponse' });
    expect(await shown(input)).toEqual({
      phase: 'waiting',
      what: 'provider-unexpected-response',
      code: 'provider-unexpected-response',
    });
  });

  it('shows that the provider does not answer', async () => {
    const input = await aRun();
    await world.stripe.fault({ kind: 'status', status: 503 });
    await expect(world.chunk(input)).rejects.toMatchObject({ type: 'ProviderUnavailable' });
    expect(await shown(input)).toEqual({
      phase: 'waiting',
      what: 'provider-unavailable',
      code: 'provider-unavailable',
    });
  });
});
