import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProcessWebhookResult, SweepInboxResult } from '../../contracts/inbox.ts';
import type { WebhookEventId } from '../../contracts/ids.ts';
import { INTERNAL_QUEUE, PRIORITY, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { eventProcessing } from '../../domain/inbox/inbox-drainer.ts';
import type { ProcessWebhook } from '../../domain/inbox/inbox-drainer.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';
import { until } from '../support/eventually.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import { installTemporalRuntime } from '../support/services/temporal-runtime.ts';

/** How many attempts of `internal` run at once here. */
const SLOTS = 2;
const EVENTS = 30;

let client: Client;
let stop: () => Promise<void>;
/** The order in which activities have begun. */
const begun: string[] = [];
let letGo: () => void;
const held = new Promise<void>((resolve) => {
  letGo = resolve;
});

beforeAll(async () => {
  const [{ address, namespace }, workflowBundle] = await Promise.all([createTestNamespace(), buildWorkflowBundle()]);
  installTemporalRuntime();
  const connection = await NativeConnection.connect({ address });
  const activities = {
    async processEvent(): Promise<ProcessWebhookResult> {
      begun.push('event');
      await held;
      return { state: 'applied' };
    },
    // The only step of the workflow `sweepInbox`.
    wakeOverduePartitions: (): Promise<SweepInboxResult> => {
      begun.push('other');
      return Promise.resolve({ woken: [], processed: 0 });
    },
  };
  const workers = await Promise.all([
    Worker.create({ connection, namespace, taskQueue: WORKFLOW_QUEUE, workflowBundle }),
    Worker.create({
      ...{ connection, namespace, taskQueue: INTERNAL_QUEUE, activities },
      maxConcurrentActivityTaskExecutions: SLOTS,
    }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  stop = async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await Promise.all([connection.close(), client.connection.close()]);
  };
}, 60_000);
afterAll(() => stop());

const isScheduled = async (workflowId: string): Promise<boolean> =>
  ((await client.workflow.getHandle(workflowId).describe()).raw.pendingActivities ?? []).length > 0;

describe('events that are tried again, each by itself', () => {
  it('let all other work of their queue go first, however many they are', async () => {
    const events = Array.from({ length: EVENTS }, () => randomUUID() as WebhookEventId);
    const handles = await Promise.all(
      events.map((eventId) =>
        client.workflow.start<ProcessWebhook>(
          ...eventProcessing({ eventId, provider: 'square' }, { startDelay: 0, replaces: true }),
        ),
      ),
    );
    const areQueued = async () =>
      begun.length === SLOTS &&
      (await Promise.all(handles.map(({ workflowId }) => isScheduled(workflowId)))).every(Boolean);
    await until(areQueued, { limitMs: 30_000, what: 'the events wait for a slot' });

    const other = await client.workflow.start('sweepInbox', {
      ...{ taskQueue: WORKFLOW_QUEUE, workflowId: `other-${randomUUID()}`, args: [] },
      priority: { priorityKey: PRIORITY.bulk },
    });
    await until(() => isScheduled(other.workflowId), { limitMs: 30_000, what: 'the other work waits for a slot' });
    letGo();
    await Promise.all([...handles, other].map((handle) => handle.result()));
    // Each slot may have been given to an event before the other work was seen.
    expect(begun.indexOf('other')).toBeLessThanOrEqual(2 * SLOTS);
    expect(begun).toHaveLength(EVENTS + 1);
    // The sum of its waits, and as long again for its workflows to end.
  }, 120_000);
});
