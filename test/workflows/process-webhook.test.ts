import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failureOf } from '../../activities/inbox/event-failures.ts';
import { FAILURE } from '../../contracts/failures.ts';
import { processWebhookWorkflowId } from '../../contracts/inbox.ts';
import type { ProcessWebhookInput, ProcessWebhookResult } from '../../contracts/inbox.ts';
import type { WebhookEventId } from '../../contracts/ids.ts';
import { INTERNAL_QUEUE, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { eventProcessing } from '../../domain/inbox/inbox-drainer.ts';
import type { ProcessWebhook } from '../../domain/inbox/inbox-drainer.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import { attributesOf } from '../support/worlds/sync-venue.ts';

let client: Client;
let stop: () => Promise<void>;
/** What each attempt for an event does, in order; the last one goes on. */
const scripts = new Map<WebhookEventId, (() => ProcessWebhookResult)[]>();
const attempts = new Map<WebhookEventId, number>();

beforeAll(async () => {
  const [{ address, namespace }, workflowBundle] = await Promise.all([createTestNamespace(), buildWorkflowBundle()]);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  const processEvent = ({ eventId }: ProcessWebhookInput): ProcessWebhookResult => {
    const made = attempts.get(eventId) ?? 0;
    attempts.set(eventId, made + 1);
    const script = scripts.get(eventId) ?? [];
    return script[Math.min(made, script.length - 1)]!();
  };
  const workers = await Promise.all([
    Worker.create({ connection, namespace, taskQueue: WORKFLOW_QUEUE, workflowBundle }),
    Worker.create({ connection, namespace, taskQueue: INTERNAL_QUEUE, activities: { processEvent } }),
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

const anEvent = (...script: readonly (() => ProcessWebhookResult)[]): WebhookEventId => {
  const eventId = randomUUID() as WebhookEventId;
  scripts.set(eventId, [...script]);
  return eventId;
};
const start = (eventId: WebhookEventId, { startDelay = 0, replaces = true } = {}) =>
  client.workflow.start<ProcessWebhook>(...eventProcessing({ eventId, provider: 'stripe' }, { startDelay, replaces }));
const applied = (): ProcessWebhookResult => ({ state: 'applied' });
const fails = (code: string, pauseMs: number | null) => (): never => {
  throw failureOf(code, pauseMs);
};

describe('the workflow of a failing event', () => {
  it('goes on after the pauses that the failures ask for, until the event is applied', async () => {
    const eventId = anEvent(fails('unavailable', 10), fails('unavailable', 20), applied);
    const handle = await start(eventId);
    expect(await handle.result()).toEqual({ state: 'applied' });
    expect(attempts.get(eventId)).toBe(3);
  });

  it('fails with the type of the last failure when the event is dead, and is on the operators’ list', async () => {
    const handle = await start(anEvent(fails('unavailable', 10), fails('unavailable', null)));
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: FAILURE.unavailable, message: 'the event could not be applied: unavailable' },
    });
    expect(attributesOf(await handle.describe())).toMatchObject({
      ErrorType: FAILURE.unavailable,
      NeedsAttention: true,
    });
  });

  it('runs again under the same id when the event fails after a replay', async () => {
    const eventId = anEvent(fails('internal', null), applied);
    await expect((await start(eventId)).result()).rejects.toThrow();
    const again = await start(eventId);
    expect(again.workflowId).toBe(processWebhookWorkflowId(eventId));
    expect(await again.result()).toEqual({ state: 'applied' });
  });

  it('gives way to the run of a new failure while it waits, and not to the sweep', async () => {
    const eventId = anEvent(applied);
    const waiting = await start(eventId, { startDelay: 3_600_000 });
    const swept = await start(eventId, { replaces: false });
    expect(swept.firstExecutionRunId).toBe(waiting.firstExecutionRunId);
    const anew = await start(eventId);
    expect(anew.firstExecutionRunId).not.toBe(waiting.firstExecutionRunId);
    expect(await anew.result()).toEqual({ state: 'applied' });
  });
});
