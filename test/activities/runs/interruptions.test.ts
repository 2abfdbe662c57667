import { setTimeout as sleep } from 'node:timers/promises';
import { ActivityCancellationDetails } from '@temporalio/common';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createCredentials } from '../../../activities/connections/credentials.ts';
import { createSyncChunkActivities } from '../../../activities/sync/sync-chunk.ts';
import { FAILURE } from '../../../contracts/failures.ts';
import type { SyncConnectionInput } from '../../../contracts/sync.ts';
import { createBudgetStore } from '../../../db/budgets/budget-store.ts';
import { createTestProviders } from '../../support/test-providers.ts';
import { createTemporalLogger } from '../../../worker/temporal-logger.ts';
import { aStrangeServer } from '../../providers/stripe/stripe-world.ts';
import { until } from '../../support/eventually.ts';
import type { TestVenue } from '../../support/worlds/sync-world.ts';
import { LATER_PAGES_WAIT } from '../../support/sandbox/stripe-account.ts';
import { createSyncWorld } from '../../support/worlds/sync-world.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

const WORKER_SHUTDOWN = new ActivityCancellationDetails({ workerShutdown: true });
const CANCEL = new ActivityCancellationDetails({ cancelRequested: true });

describe('an interrupted chunk', () => {
  let world: World;
  let hurried: World;
  let venue: TestVenue;

  beforeAll(async () => {
    [world, hurried] = await Promise.all([createSyncWorld(), createSyncWorld({ chunkMs: 700 })]);
  });
  afterAll(() => Promise.all([world.close(), hurried.close()]));
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const stored = async () =>
    Number(
      (await world.database.admin`select count(*) from customers where venue_id = ${venue.venueId}`)[0]?.['count'],
    );
  const kept = async (syncId: string) =>
    (
      await world.database
        .admin`select phase, waiting_for, done::int, provider_calls::int from sync_runs where id = ${syncId}`
    )[0]!;

  async function aSlowPull(count = 3_000) {
    await world.stripe.seed({ resource: 'customers', count });
    await world.stripe.limits({ requestsPerSecond: 0 });
    await world.stripe.fault(LATER_PAGES_WAIT);
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    return input;
  }

  /** Interrupts once something is stored, and long before everything is. */
  async function interrupt(
    input: SyncConnectionInput,
    stage: MockActivityEnvironment,
    details: ActivityCancellationDetails,
  ) {
    await until(async () => Number((await kept(input.syncId))['done']) > 0, {
      limitMs: 20_000,
      what: 'something is kept',
      everyMs: 10,
    });
    cancel(stage, details);
  }

  function cancel(stage: MockActivityEnvironment, details: ActivityCancellationDetails) {
    stage.cancel(details.workerShutdown ? 'WORKER_SHUTDOWN' : 'CANCELLED', details);
  }

  it('hands over when its worker shuts down, keeps everything read, and another continues from there', async () => {
    const input = await aSlowPull();
    const stage = world.aStage();
    const chunk = world.chunk(input, stage);
    const [outcome] = await Promise.allSettled([chunk, interrupt(input, stage, WORKER_SHUTDOWN)]);

    expect(outcome).toMatchObject({
      status: 'rejected',
      reason: { type: 'Interrupted', nonRetryable: false, nextRetryDelay: expect.any(Number) as number },
    });
    const { done } = await kept(input.syncId);
    expect(done).toBeGreaterThan(0);
    expect(await stored()).toBe(done);

    await world.stripe.clearFaults();
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    expect(await world.finish(input)).toMatchObject({ done: 3_000, counts: { read: 3_000, created: 3_000 } });
    expect(await stored()).toBe(3_000);
  });

  it('hands a push over with every answer stored, so nothing is written twice', async () => {
    await world.load(venue, 240);
    await world.stripe.limits({ latencyMs: 60, requestsPerSecond: 60 });
    const input = await world.open(venue, 'push', 'full');
    await world.begin(input);
    const stage = world.aStage();
    const [outcome] = await Promise.allSettled([world.chunk(input, stage), interrupt(input, stage, WORKER_SHUTDOWN)]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { type: 'Interrupted' } });
    expect((await kept(input.syncId))['done']).toBe((await world.stripe.customers()).length);

    await world.stripe.limits({ latencyMs: 0, requestsPerSecond: 0 });
    while ((await world.chunk(input)).status === 'more');
    expect(await world.finish(input)).toMatchObject({ done: 240, counts: { created: 240 } });
    expect(await world.stripe.customers()).toHaveLength(240);
    expect((await world.stripe.writes()).length).toBe(240);
  });

  it('ends as stopped when the activity is cancelled, with everything read', async () => {
    const input = await aSlowPull();
    const stage = world.aStage();
    const [outcome] = await Promise.allSettled([world.chunk(input, stage), interrupt(input, stage, CANCEL)]);
    expect(outcome).toMatchObject({ status: 'fulfilled', value: { status: 'stopped' } });
    expect(await world.finish(input, 'cancelled')).toMatchObject({ outcome: 'cancelled', done: await stored() });
    expect(await stored()).toBeLessThan(3_000);
  });

  it('aborts hanging calls a few seconds after a stop request', async () => {
    const input = await aSlowPull(150);
    await world.stripe.fault({ kind: 'slow', delayMs: 25_000 });
    const stage = world.aStage();
    const elapsedMs = startStopwatch();
    const hanging = sleep(1_000).then(() => {
      cancel(stage, WORKER_SHUTDOWN);
    });
    const [outcome] = await Promise.allSettled([world.chunk(input, stage), hanging]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { type: 'Interrupted' } });
    expect(elapsedMs()).toBeLessThan(15_000);
  }, 40_000);

  it('returns more when its time is up, and the next chunks read the rest exactly once', async () => {
    const own = await hurried.aVenue();
    await hurried.stripe.seed({ resource: 'customers', count: 4_000 });
    await hurried.stripe.limits({ latencyMs: 150 });
    const input = await hurried.open(own, 'pull', 'full');
    await hurried.begin(input);
    const chunks = [await hurried.chunk(input)];
    await hurried.stripe.limits({ latencyMs: 50 });
    while (chunks.at(-1)?.status === 'more' && chunks.length < 60) chunks.push(await hurried.chunk(input));
    expect(chunks[0]).toMatchObject({ status: 'more' });
    expect(chunks.at(-1)).toMatchObject({ status: 'done', done: 4_000 });
    expect(await hurried.finish(input)).toMatchObject({
      outcome: 'completed',
      counts: { read: 4_000, created: 4_000 },
    });
  });

  it('is done at once when everything was already read, so a lost answer repeats no work', async () => {
    await world.stripe.seed({ resource: 'customers', count: 20 });
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await world.chunk(input);
    const calls = (await world.stripe.calls()).length;
    expect(await world.chunk(input)).toMatchObject({ status: 'done', done: 20 });
    expect(await world.stripe.calls()).toHaveLength(calls);
  });

  it('shows that it waits for the provider until the next attempt', async () => {
    await world.stripe.seed({ resource: 'customers', count: 20 });
    // Of a page: the first calls go out together, and a run does not need the count.
    const match = { path: '/v1/customers$' };
    await world.stripe.fault({ match, kind: 'status', status: 503, retryAfter: 4, times: 1 });
    const input = await world.open(venue, 'pull', 'full');
    await world.begin(input);
    await expect(world.chunk(input)).rejects.toMatchObject({ type: FAILURE.unavailable, nextRetryDelay: 4_000 });
    expect(await kept(input.syncId)).toMatchObject({
      phase: 'waiting',
      waiting_for: { what: 'provider-unavailable', until: expect.any(String) as string },
    });
    expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    expect(await kept(input.syncId)).toMatchObject({ phase: 'running', waiting_for: null });
  });

  describe('permanently', () => {
    /** The same activities with some dependencies replaced. */
    const attempt = (input: SyncConnectionInput, parts: Partial<typeof world.deps>, number = 1) =>
      new MockActivityEnvironment({ attempt: number }, { logger: createTemporalLogger(world.deps.log) }).run(
        createSyncChunkActivities({
          ...world.deps,
          ...parts,
          credentials: createCredentials({ ...world.deps, ...parts }),
        }).syncChunk,
        input,
      );
    const begun = async (direction: 'push' | 'pull' = 'pull') => {
      const input = await world.open(venue, direction, 'full');
      await world.begin(input);
      return input;
    };

    it('gives up on unintelligible answers after ten attempts without progress, not before', async () => {
      const input = await begun();
      const strange = await aStrangeServer((_req, res) =>
        res.writeHead(200, { 'content-type': 'text/html' }).end('<html>a portal</html>'),
      );
      const providers = createTestProviders(
        { stripe: { apiUrl: strange.apiUrl, requestsPerSecond: 1_000 } },
        createBudgetStore(world.database.db),
      );
      for (let failures = 1; failures < 10; failures += 1)
        await expect(attempt(input, { providers })).rejects.toMatchObject({
          type: FAILURE.unexpectedResponse,
          nonRetryable: false,
        });
      await expect(attempt(input, { providers })).rejects.toMatchObject({
        type: FAILURE.unexpectedResponse,
        nonRetryable: true,
      });
      await strange.close();
    });

    it('calls nobody once its connection is gone', async () => {
      const connections = { ...world.connections, find: () => Promise.resolve(null) };
      await expect(attempt(await begun(), { connections })).rejects.toMatchObject({
        type: FAILURE.connectionGone,
        nonRetryable: true,
      });
      expect(await world.stripe.calls()).toHaveLength(0);
    });

    it('opens no credentials sealed for another venue', async () => {
      const other = await world.aVenue();
      const connections = { ...world.connections, findApiKey: () => world.connections.findApiKey(other) };
      await expect(attempt(await begun(), { connections })).rejects.toMatchObject({
        type: FAILURE.credentialsUnreadable,
        nonRetryable: true,
      });
      expect(await world.stripe.calls()).toHaveLength(0);
    });

    it('takes no lease while all slots are taken, and says when to retry', async () => {
      const input = await begun();
      const connection = await world.connections.find(venue);
      const account = {
        provider: 'stripe',
        environment: 'sandbox',
        externalAccountId: connection!.account!.id,
      } as const;
      const taken = await world.deps.providers.lease(account, { holder: 'another run', slots: 1_000 });
      await expect(world.chunk(input)).rejects.toMatchObject({
        type: FAILURE.rateLimited,
        nonRetryable: false,
        nextRetryDelay: 5_000,
      });
      await taken.release();
      expect(await world.chunk(input)).toMatchObject({ status: 'done' });
    });

    it.each(['push', 'pull'] as const)(
      'stops a %s whose results cannot be stored, keeps the cursor, and loses nothing',
      async (direction) => {
        if (direction === 'push') await world.load(venue, 30);
        else await world.stripe.seed({ resource: 'customers', count: 1_000 });
        const input = await begun(direction);
        const fail = () => Promise.reject(Object.assign(new Error('row of ada@private.example'), { code: '53100' }));
        const broken = { pulls: { ...world.pulls, commit: fail }, pushes: { ...world.pushes, commit: fail } };
        await expect(attempt(input, broken)).rejects.toMatchObject({
          type: 'Internal',
          nonRetryable: false,
          message: 'Error 53100',
        });
        expect(await kept(input.syncId)).toMatchObject({ done: 0 });

        while ((await world.chunk(input)).status === 'more');
        expect(await world.finish(input)).toMatchObject({
          outcome: 'completed',
          done: direction === 'push' ? 30 : 1_000,
        });
        expect(await world.stripe.customers()).toHaveLength(direction === 'push' ? 30 : 1_000);
      },
    );
  });
});
