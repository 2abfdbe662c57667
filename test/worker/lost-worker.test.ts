import { Client, Connection } from '@temporalio/client';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { SyncConnectionInput } from '../../contracts/sync.ts';
import { SYNC_CONNECTION, syncWorkflowId } from '../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { createWorkerPresence } from '../../db/runs/worker-presence.ts';
import { createSyncWorld } from '../support/worlds/sync-world.ts';
import type { TestVenue } from '../support/worlds/sync-world.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import type { TestTemporal } from '../support/services/temporal.ts';
import { aWorkerProcess, eventually } from './support.ts';

const RECORDS = 3_000;

let world: Awaited<ReturnType<typeof createSyncWorld>>;
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
  await world.stripe.seed({ resource: 'customers', count: RECORDS });
  await world.stripe.limits({ requestsPerSecond: 0, latencyMs: 200 });
});

async function aReadyWorker() {
  const worker = await aWorkerProcess({
    DATABASE_URL: world.database.url,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_NAMESPACE: temporal.namespace,
    STRIPE_API_URL: world.sandbox.apiUrl,
    // Slow enough that the pull takes some seconds.
    STRIPE_REQUESTS_PER_SECOND: '5',
    ENCRYPTION_KEY: world.keyring.key.expose(),
  });
  await eventually(async () => (await worker.health('ready')) === 200, 60_000);
  return worker;
}

const start = (input: SyncConnectionInput) =>
  new Client({ connection, namespace: temporal.namespace }).workflow.start(SYNC_CONNECTION, {
    workflowId: syncWorkflowId(input),
    taskQueue: WORKFLOW_QUEUE,
    args: [input],
  });
const done = async ({ syncId }: SyncConnectionInput) =>
  Number((await world.database.admin`select done from sync_runs where id = ${syncId}`)[0]?.['done']);
const leaseOf = async ({ syncId }: SyncConnectionInput) =>
  (await world.database.admin`select worker_key, task_token from provider_leases where holder = ${syncId}`)[0];

/** Why each activity's earlier attempts ended. */
async function interruptions(
  handle: Awaited<ReturnType<typeof start>>,
): Promise<readonly (string | null | undefined)[]> {
  const { events } = await handle.fetchHistory();
  return (events ?? []).flatMap(({ activityTaskStartedEventAttributes: started }) =>
    started?.lastFailure ? [started.lastFailure.message] : [],
  );
}

/** When the chunk's last attempt started. */
async function lastStartMs(handle: Awaited<ReturnType<typeof start>>): Promise<number> {
  const { events } = await handle.fetchHistory();
  const time = events?.find(({ activityTaskStartedEventAttributes: started }) => started?.lastFailure)?.eventTime;
  return Number(time?.seconds ?? NaN) * 1_000 + (time?.nanos ?? 0) / 1e6;
}

async function expectEachRecordOnce(): Promise<void> {
  const [held] = await world.database.admin`
    select (select count(*)::int from customers where venue_id = ${venue.venueId}) as customers, count(distinct external_id)::int as different
    from record_links where connection_id = ${venue.connectionId} and state = 'linked'`;
  expect(held).toEqual({ customers: RECORDS, different: RECORDS });
}

it('a second process takes over from a killed one without waiting for missed heartbeats, and stores every record once', async () => {
  const first = await aReadyWorker();
  const input = await world.open(venue, 'pull', 'full');
  const handle = await start(input);
  await eventually(async () => (await done(input)) > 0);
  expect(await leaseOf(input)).toMatchObject({
    worker_key: expect.any(Number) as number,
    task_token: expect.any(String) as string,
  });
  // Keeps the first process busy until the second has started.
  await world.stripe.limits({ requestsPerSecond: 0, latencyMs: 60_000 });
  const second = await aReadyWorker();
  expect(await done(input)).toBeLessThan(RECORDS);
  process.kill(first.pid, 'SIGKILL');
  const killedAtMs = Date.now();
  await world.stripe.limits({ requestsPerSecond: 0, latencyMs: 50 });

  expect(await handle.result()).toMatchObject({
    outcome: 'completed',
    done: RECORDS,
    counts: { read: RECORDS, created: RECORDS },
  });
  expect(await interruptions(handle)).toEqual(['the worker is gone']);
  process.stdout.write(`the other process began ${(await lastStartMs(handle)) - killedAtMs} ms after the kill\n`);
  expect(second.output()).toContain('a worker is gone');
  expect(await leaseOf(input)).toBeUndefined();
  await expectEachRecordOnce();
}, 120_000);

it('a restarted process takes over what its killed predecessor left', async () => {
  const first = await aReadyWorker();
  const input = await world.open(venue, 'pull', 'full');
  const handle = await start(input);
  await eventually(async () => (await done(input)) > 0);
  process.kill(first.pid, 'SIGKILL');
  await aReadyWorker();
  expect(await handle.result()).toMatchObject({ outcome: 'completed', done: RECORDS });
  expect(await interruptions(handle)).toEqual(['the worker is gone']);
  await expectEachRecordOnce();
}, 120_000);

it('a false alarm costs one attempt and nothing else', async () => {
  await aReadyWorker();
  const input = await world.open(venue, 'pull', 'full');
  const handle = await start(input);
  await eventually(async () => (await done(input)) > 0);
  // Simulates that the busy process lost its lock: nobody holds this key.
  await world.database.admin`update provider_leases set worker_key = 1 where holder = ${input.syncId}`;
  expect(await handle.result()).toMatchObject({
    outcome: 'completed',
    done: RECORDS,
    counts: { read: RECORDS, created: RECORDS },
  });
  expect(await interruptions(handle)).toEqual(['the worker is gone']);
  await expectEachRecordOnce();
}, 120_000);

it('a live process is never taken for lost, and takes its lock again after its database session was cut', async () => {
  const [one, other] = await Promise.all([
    createWorkerPresence(world.database.url),
    createWorkerPresence(world.database.url),
  ]);
  try {
    const lease = async (workerKey: number) => {
      const [row] = await world.database.admin`
        insert into provider_leases (id, key, holder, slots, expires_at, worker_key, task_token)
        values (gen_random_uuid(), 'stripe/sandbox/acct_1', ${String(workerKey)}, 1, now() + interval '1 minute', ${workerKey}, 'token') returning id`;
      return { leaseId: row?.['id'] as string, taskToken: 'token' };
    };
    const [, ofOther] = [await lease(one.workerKey), await lease(other.workerKey)];
    expect([await one.look(), await other.look()]).toEqual([[], []]);

    await world.database.admin`
      select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and objid = ${other.workerKey}::oid and objsubid = 2`;
    await eventually(async () => (await one.look()).length > 0);
    expect(await one.look()).toEqual([ofOther]);
    await eventually(() =>
      other.look().then(
        () => true,
        () => false,
      ),
    );
    expect(await one.look()).toEqual([]);

    await other.close();
    await eventually(async () => (await one.look()).length > 0);
    await one.release(ofOther.leaseId);
    expect(await one.look()).toEqual([]);
  } finally {
    await Promise.all([one.close(), other.close()]);
  }
});
