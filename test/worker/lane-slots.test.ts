import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REPLACED_QUEUES, laneQueue } from '../../contracts/temporal.ts';
import type { ProviderId } from '../../contracts/providers.ts';
import { ProviderShares, laneFor } from '../../domain/lanes/provider-shares.ts';
import { withinShare } from '../../worker/lane-slots.ts';
import { findQueuesToDrain } from '../../worker/replaced-queues.ts';
import { until } from '../support/eventually.ts';
import { createTestNamespace } from '../support/services/temporal.ts';

const PROVIDERS = Array.from({ length: 13 }, (_, index) => `provider-${index}`);
const SLOTS_OF_ONE = 15;
const LANE = laneFor(SLOTS_OF_ONE, PROVIDERS.length);
const HANGING = PROVIDERS[0]!;

let connection: NativeConnection;
let client: Client;
let workers: Worker[];
let running: Promise<unknown>;
let release: () => void;
const released = new Promise<void>((resolve) => {
  release = resolve;
});
/** Each provider's number of running activities, now and at the peak. */
const atWork = new Map<ProviderId, { now: number; most: number }>();

beforeAll(async () => {
  const { address, namespace } = await createTestNamespace();
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  connection = await NativeConnection.connect({ address });
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  workers = await Promise.all([
    Worker.create({
      connection,
      namespace,
      taskQueue: 'test-workflows',
      workflowsPath: fileURLToPath(new URL('call-once-workflow.ts', import.meta.url)),
    }),
    Worker.create({
      connection,
      namespace,
      taskQueue: laneQueue('bulk'),
      activities: { work },
      maxConcurrentActivityTaskExecutions: LANE.slots,
      interceptors: {
        activity: [
          withinShare({ lane: 'bulk', shares: new ProviderShares(LANE), brakes: { ask: () => Promise.resolve(0) } }),
        ],
      },
    }),
  ]);
  running = Promise.all(workers.map((worker) => worker.run()));
}, 120_000);
afterAll(async () => {
  release();
  for (const worker of workers) worker.shutdown();
  await running;
  await Promise.all([connection.close(), client.connection.close()]);
});

async function work({ provider }: { readonly provider: ProviderId }): Promise<ProviderId> {
  const counted = atWork.get(provider) ?? { now: 0, most: 0 };
  atWork.set(provider, counted);
  counted.now += 1;
  counted.most = Math.max(counted.most, counted.now);
  if (provider === HANGING) await released;
  counted.now -= 1;
  return provider;
}

const start = (provider: ProviderId, taskQueue = laneQueue('bulk')) =>
  client.workflow.start('callOnce', {
    taskQueue: 'test-workflows',
    workflowId: randomUUID(),
    args: [{ taskQueue, input: { provider, venueId: 'a-venue' } }],
  });

describe('a lane that thirteen providers share', () => {
  it('completes the work of twelve while the thirteenth hangs, and that of the thirteenth once it answers', async () => {
    const hanging = await Promise.all(Array.from({ length: 2 * LANE.slots }, () => start(HANGING)));
    await until(() => atWork.get(HANGING)?.now === SLOTS_OF_ONE, {
      limitMs: 40_000,
      what: 'the provider that hangs holds its share',
    });
    const others = await Promise.all(PROVIDERS.slice(1).map((provider) => start(provider)));
    expect(await Promise.all(others.map((handle) => handle.result()))).toEqual(PROVIDERS.slice(1));
    expect(atWork.get(HANGING)).toEqual({ now: SLOTS_OF_ONE, most: SLOTS_OF_ONE });
    release();
    expect(new Set(await Promise.all(hanging.map((handle) => handle.result())))).toEqual(new Set([HANGING]));
  });
});

describe('the queues that lanes replace', () => {
  const [replaced] = Object.keys(REPLACED_QUEUES) as [string];

  it('are not polled when no run uses them', async () => {
    expect(await findQueuesToDrain(client)).toEqual([]);
  });

  it('are polled while an earlier version’s run has an activity there', async () => {
    await start(PROVIDERS[1]!, replaced);
    await until(async () => (await findQueuesToDrain(client)).includes(replaced), {
      limitMs: 40_000,
      what: 'the queue is known to hold work',
      everyMs: 200,
    });
    expect(await findQueuesToDrain(client)).toEqual([replaced]);
  });
});
