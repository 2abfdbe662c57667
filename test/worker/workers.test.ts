import { Client, Connection } from '@temporalio/client';
import type { Worker } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { REGISTRIES } from '../../providers/registry.ts';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import { SYNC_CONNECTION, syncWorkflowId } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE, LANES, OUTGOING_QUEUE, WORKFLOW_QUEUE, laneQueue } from '../../contracts/temporal.ts';
import type { WorkerDeps } from '../../worker/deps.ts';
import { createDeps } from '../../worker/deps.ts';
import { connectTemporal } from '../../worker/temporal-connection.ts';
import { createWorkers } from '../../worker/workers.ts';
import { textOf } from '../support/history.ts';
import { LATER_PAGES_WAIT } from '../support/sandbox/stripe-account.ts';
import { createSyncWorld } from '../support/worlds/sync-world.ts';
import type { TestVenue } from '../support/worlds/sync-world.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import type { TestTemporal } from '../support/services/temporal.ts';
import { installTemporalRuntime } from '../support/services/temporal-runtime.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;
type Connected = NonNullable<Awaited<ReturnType<typeof connectTemporal>>>;

describe('the workers of one process', () => {
  let world: World;
  let temporal: TestTemporal;
  let deps: WorkerDeps;
  let connection: Connected;
  let workers: readonly Worker[];
  let running: Promise<unknown>;
  let client: Client;
  let venue: TestVenue;
  const stop = new AbortController();

  beforeAll(async () => {
    [world, temporal] = await Promise.all([createSyncWorld(), createTestNamespace()]);
    const config = {
      production: false,
      logLevel: 'silent',
      databaseUrl: world.database.url,
      temporal,
      keyring: world.keyring,
      providers: { stripe: { apiUrl: world.sandbox.apiUrl, requestsPerSecond: 500 } },
      allowLoopbackReceivers: true,
      circuitOpenMs: 1_000,
      host: '127.0.0.1',
      healthPort: null,
      maxSchedulesPerVenue: 500,
      staleAfterMs: 21_600_000,
    } as const;
    installTemporalRuntime();
    deps = await createDeps(config, world.deps.log, REGISTRIES);
    const connected = await connectTemporal(temporal, world.deps.log, stop.signal);
    if (connected === null) throw new Error('nobody stopped it');
    connection = connected;
    workers = await createWorkers({ connection, namespace: temporal.namespace, deps });
    running = Promise.all(workers.map((worker) => worker.run()));
    client = new Client({
      connection: await Connection.connect({ address: temporal.address }),
      namespace: temporal.namespace,
    });
  }, 120_000);
  afterAll(async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await client.connection.close();
    await connection.close();
    await deps.close();
    await world.close();
  });
  beforeEach(async () => {
    await world.stripe.reset();
    await world.stripe.limits({ requestsPerSecond: 0 });
    venue = await world.aVenue();
  });

  const start = (input: SyncConnectionInput) =>
    client.workflow.start(SYNC_CONNECTION, {
      workflowId: syncWorkflowId(input),
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
    });

  it('poll one queue of workflows, one of short steps, one of outgoing webhooks and one of each lane, however many providers there are', () => {
    expect(workers.map(({ options }) => options.taskQueue)).toEqual([
      WORKFLOW_QUEUE,
      INTERNAL_QUEUE,
      OUTGOING_QUEUE,
      ...LANES.map(laneQueue),
    ]);
  });

  it('run workflows in the SDK’s own thread', () => {
    for (const { options } of workers) expect(options).toMatchObject({ debugMode: false, workflowThreadPoolSize: 1 });
  });

  it('wait out an outage of the provider and store every record once', async () => {
    await world.load(venue, 40);
    await world.stripe.fault({
      match: { method: 'POST', path: '/v1/customers' },
      kind: 'status',
      status: 503,
      times: 12,
    });
    const handle = await start(await world.open(venue, 'push', 'full'));
    expect(await handle.result()).toMatchObject({ outcome: 'completed', counts: { created: 40, rejected: 0 } });
    expect(await world.stripe.customers()).toHaveLength(40);
  });

  it('let a run whose key was revoked wait, with advice, and repeat nothing', async () => {
    await world.load(venue, 3);
    await world.stripe.fault({ kind: 'revoke' });
    const input = await world.open(venue, 'push', 'full');
    const handle = await start(input);
    const row = async () =>
      (await world.database.admin`select phase, outcome, waiting_for from sync_runs where id = ${input.syncId}`)[0];
    await expect.poll(row, { timeout: 20_000 }).toMatchObject({
      phase: 'waiting',
      outcome: null,
      waiting_for: { what: 'needs-reauth', until: expect.any(String) as string },
    });
    expect(await world.connections.find(venue)).toMatchObject({ state: 'needs-reauth' });
    const calls = (await world.stripe.calls()).length;
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    expect(await world.stripe.calls()).toHaveLength(calls);
    await world.stripe.clearFaults();
  });

  it('end a cancelled run as cancelled, keeping all that was read', async () => {
    await world.stripe.seed({ resource: 'customers', count: 3_000 });
    await world.stripe.limits({ requestsPerSecond: 0 });
    await world.stripe.fault(LATER_PAGES_WAIT);
    const input = await world.open(venue, 'pull', 'full');
    const handle = await start(input);
    const row = async () =>
      (await world.database.admin`select done::int, outcome from sync_runs where id = ${input.syncId}`)[0]!;
    await expect.poll(async () => (await row())['done'] as number, { timeout: 20_000 }).toBeGreaterThan(0);
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow(/cancel/i);
    const stored = Number(
      (await world.database.admin`select count(*) from customers where venue_id = ${venue.venueId}`)[0]?.['count'],
    );
    expect(await row()).toEqual({ outcome: 'cancelled', done: stored });
    expect(stored).toBeLessThan(3_000);
  });

  it('leave no customer data and no key in the history', async () => {
    await world.customers.upsertMany(venue.venueId, [
      { sourceId: 'private', name: 'Ada Lovelace', email: 'ada@private.example' },
    ]);
    await world.stripe.fault({ match: { method: 'POST' }, kind: 'status', status: 500, times: 2 });
    const handle = await start(await world.open(venue, 'push', 'full'));
    await handle.result();
    const history = textOf(await handle.fetchHistory());
    // Also inside payloads.
    expect(history).toMatch(/syncChunk[^]*"connectionId":/);
    for (const secret of ['Ada Lovelace', 'ada@private.example', world.sandbox.secretKey])
      expect(history).not.toContain(secret);
  });
});
