import { connect, createServer } from 'node:net';
import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import { SYNC_CONNECTION, syncWorkflowId } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { freePort } from '../../runtime/start/ports.ts';
import { createEmptyDatabase } from '../support/services/database.ts';
import { LATER_PAGES_WAIT } from '../support/sandbox/stripe-account.ts';
import { createSyncWorld } from '../support/worlds/sync-world.ts';
import type { TestVenue } from '../support/worlds/sync-world.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import type { TestTemporal } from '../support/services/temporal.ts';
import { aWorkerProcess, eventually } from './support.ts';

type World = Awaited<ReturnType<typeof createSyncWorld>>;

describe('a worker process that cannot start', () => {
  it('exits with 78 and names every missing setting but no value', async () => {
    const worker = await aWorkerProcess({
      MOCK_KMS: 'maybe-hunter2',
      ENCRYPTION_KEY: undefined,
      STRIPE_API_URL: 'ftp://hunter2',
    });
    expect(await worker.exitCode()).toBe(78);
    for (const name of ['DATABASE_URL', 'MOCK_KMS', 'STRIPE_API_URL']) expect(worker.output()).toContain(name);
    expect(worker.output()).not.toContain('hunter2');
    const keyless = await aWorkerProcess({ DATABASE_URL: 'postgres://a:b@127.0.0.1:1/c', ENCRYPTION_KEY: undefined });
    expect(await keyless.exitCode()).toBe(78);
    expect(keyless.output()).toContain('ENCRYPTION_KEY');
  });

  it('reports that Postgres is away, without the password', async () => {
    const worker = await aWorkerProcess({
      DATABASE_URL: `postgres://someone:hunter2@127.0.0.1:${await freePort()}/none`,
    });
    expect(await worker.exitCode()).toBe(1);
    expect(worker.output()).toContain('ECONNREFUSED');
    expect(worker.output()).not.toContain('hunter2');
    expect(fatalLineOf(worker.output())).toMatchObject({
      name: 'worker',
      level: 'fatal',
      err: { type: 'DrizzleQueryError', cause: { code: 'ECONNREFUSED' } },
    });
  });

  it('refuses a database without our tables', async () => {
    const empty = await createEmptyDatabase();
    onTestFinished(() => empty.drop());
    const worker = await aWorkerProcess({ DATABASE_URL: empty.url });
    expect(await worker.exitCode()).not.toBe(0);
    expect(worker.output()).toMatch(/migrat/i);
  });
});

/**
 * Returns the last line after checking that every line is structured: nothing may bypass the logger, which removes
 * secrets.
 */
function fatalLineOf(output: string): Record<string, unknown> {
  const lines = output
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return lines.at(-1) ?? {};
}

describe('a worker process', { timeout: 180_000 }, () => {
  let world: World;
  let venue: TestVenue;
  let temporal: TestTemporal;
  let connection: Connection;

  beforeAll(async () => {
    [world, temporal] = await Promise.all([createSyncWorld(), createTestNamespace()]);
    connection = await Connection.connect({ address: temporal.address });
  });
  afterAll(async () => {
    await connection.close();
    await world.close();
  });
  beforeEach(async () => {
    await world.stripe.reset();
    venue = await world.aVenue();
  });

  const aWorker = (env: Record<string, string> = {}) =>
    aWorkerProcess({
      DATABASE_URL: world.database.url,
      TEMPORAL_ADDRESS: temporal.address,
      TEMPORAL_NAMESPACE: temporal.namespace,
      STRIPE_API_URL: world.sandbox.apiUrl,
      STRIPE_REQUESTS_PER_SECOND: '200',
      ENCRYPTION_KEY: world.keyring.key.expose(),
      ...env,
    });
  const start = async (input: SyncConnectionInput) =>
    new Client({ connection, namespace: temporal.namespace }).workflow.start(SYNC_CONNECTION, {
      workflowId: syncWorkflowId(input),
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
    });
  const done = async ({ syncId }: SyncConnectionInput) =>
    Number((await world.database.admin`select done from sync_runs where id = ${syncId}`)[0]?.['done']);

  /** Forwards connections to Temporal once it is opened. */
  async function aWayToTemporal(port: number) {
    const [host, target] = temporal.address.split(':');
    const server = createServer((near) => {
      const far = connect(Number(target), host);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const)
        one.pipe(other).on('error', () => one.destroy());
    });
    onTestFinished(() => void server.close());
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  }

  it('stops cleanly while it waits for Temporal', async () => {
    const worker = await aWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${await freePort()}` });
    await eventually(() => worker.output().includes('Temporal does not answer yet'));
    expect([await worker.health('live'), await worker.health('ready')]).toEqual([200, 503]);
    worker.stop();
    expect(await worker.exitCode()).toBe(0);
  });

  it('stops cleanly while it still prepares its workflows', async () => {
    const worker = await aWorker();
    await eventually(async () => (await worker.health('live')) === 200);
    // The SDK logs when it starts bundling, which takes a second or two.
    await eventually(() => worker.output().length > 0);
    expect(await worker.health('ready')).toBe(503);
    worker.stop();
    expect(await worker.exitCode()).toBe(0);
    expect(worker.output()).not.toMatch(/IllegalState|Unhandled/);
  });

  it('may be started before Temporal, and works as soon as Temporal is there', async () => {
    const port = await freePort();
    const worker = await aWorker({ TEMPORAL_ADDRESS: `127.0.0.1:${port}` });
    await eventually(() => worker.output().includes('Temporal does not answer yet'));
    await aWayToTemporal(port);
    await eventually(async () => (await worker.health('ready')) === 200);

    await world.stripe.seed({ resource: 'customers', count: 120 });
    const handle = await start(await world.open(venue, 'pull', 'full'));
    expect(await handle.result()).toMatchObject({ outcome: 'completed', done: 120 });
    worker.stop();
    expect(await worker.exitCode()).toBe(0);
  });

  it('hands its work over when it is stopped, and another process completes it with every record stored once', async () => {
    await world.stripe.seed({ resource: 'customers', count: 4_000 });
    await world.stripe.limits({ requestsPerSecond: 0 });
    await world.stripe.fault(LATER_PAGES_WAIT);
    const first = await aWorker();
    await eventually(async () => (await first.health('ready')) === 200);
    const input = await world.open(venue, 'pull', 'full');
    const handle = await start(input);
    await eventually(async () => (await done(input)) > 0);

    first.stop();
    expect(await first.exitCode()).toBe(0);
    const handedOver = await done(input);
    expect(handedOver).toBeGreaterThan(0);
    expect(handedOver).toBeLessThan(4_000);

    await world.stripe.clearFaults();
    const second = await aWorker();
    expect(await handle.result()).toMatchObject({
      outcome: 'completed',
      done: 4_000,
      counts: { read: 4_000, created: 4_000 },
    });
    expect(`${first.output()}${second.output()}`).not.toContain(world.sandbox.secretKey);
    second.stop('SIGINT');
    expect(await second.exitCode()).toBe(0);
  }, 120_000);
});
