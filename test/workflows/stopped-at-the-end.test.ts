import { randomUUID } from 'node:crypto';
import { Context, getClient } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { RECONCILE_CONNECTION } from '../../contracts/reconciliation.ts';
import { SYNC_CONNECTION } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE, WORKFLOW_QUEUE, laneQueue } from '../../contracts/temporal.ts';
import { ROTATE_VAULT_KEYS } from '../../contracts/vault.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';
import { until } from '../support/eventually.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import { installTemporalRuntime } from '../support/services/temporal-runtime.ts';

/** What each workflow has told the database of its end. */
const ends = new Map<string, string[]>();
/** When each workflow is asked to stop. */
const asked = new Map<string, 'in its last chunk' | 'while it stores its end'>();

const ownId = () => Context.current().info.workflowExecution?.workflowId ?? '';
const begin = () => Promise.resolve(PROGRESS);
async function finish({ end }: { readonly end: string }): Promise<object> {
  ends.set(ownId(), [...(ends.get(ownId()) ?? []), end]);
  if (asked.get(ownId()) === 'while it stores its end') await askToStop();
  return PROGRESS;
}
/** Does all that is left, whatever the workflow is asked for meanwhile. */
async function lastChunk(): Promise<object> {
  if (asked.get(ownId()) === 'in its last chunk') await askToStop();
  return { ...PROGRESS, status: 'done' };
}
/** Resolves when the workflow has learned of it. */
async function askToStop(): Promise<void> {
  const workflow = getClient().workflow.getHandle(ownId());
  await workflow.cancel();
  const isTold = async () => {
    const events = (await workflow.fetchHistory()).events ?? [];
    const at = events.findIndex((event) => event.workflowExecutionCancelRequestedEventAttributes);
    return at >= 0 && events.slice(at).some((event) => event.workflowTaskCompletedEventAttributes);
  };
  await until(isTold, { limitMs: 20_000, what: 'the workflow has been asked to stop' });
}

const COUNTS = { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 };
const PROGRESS = {
  ...{ done: 0, total: 0, counts: COUNTS, providerCalls: 0, outcome: 'completed' },
  ...{ read: 0, compared: 0, discrepancies: 0 },
  ...{ pass: 1, venuesDone: 0, venuesTotal: 0, resealed: 0, unreadable: 0 },
};
const INTERNAL = {
  ...{ beginSync: begin, requestStop: begin, finishSync: finish, finishReconciliation: finish },
  ...{ beginKeyRotation: begin, rotateKeysChunk: lastChunk, finishKeyRotation: finish },
};
const BULK = { syncChunk: lastChunk, reconcileChunk: lastChunk };

const ids = { venueId: randomUUID(), connectionId: randomUUID(), provider: 'stripe' };
const SYNC = { ...ids, syncId: randomUUID(), resource: 'customers', direction: 'pull', mode: 'full' };
const RECONCILIATION = { ...ids, reconciliationId: randomUUID() };
const ENDS = [
  [SYNC_CONNECTION, SYNC, 'in its last chunk', 'done'],
  [SYNC_CONNECTION, SYNC, 'while it stores its end', 'done'],
  [RECONCILE_CONNECTION, RECONCILIATION, 'in its last chunk', 'completed'],
  [RECONCILE_CONNECTION, RECONCILIATION, 'while it stores its end', 'completed'],
  [ROTATE_VAULT_KEYS, { jobId: randomUUID() }, 'while it stores its end', 'completed'],
] as const;

let client: Client;
let close: () => Promise<unknown>;
beforeAll(async () => {
  installTemporalRuntime();
  const [{ address, namespace }, workflowBundle] = await Promise.all([createTestNamespace(), buildWorkflowBundle()]);
  const native = await NativeConnection.connect({ address });
  const common = { connection: native, namespace };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: WORKFLOW_QUEUE, workflowBundle }),
    Worker.create({ ...common, taskQueue: INTERNAL_QUEUE, activities: INTERNAL }),
    Worker.create({ ...common, taskQueue: laneQueue('bulk'), activities: BULK }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  close = async () => {
    for (const worker of workers) worker.shutdown();
    await running;
    await Promise.all([native.close(), client.connection.close()]);
  };
}, 120_000);
afterAll(() => close());

it.each(ENDS)(
  '%s that is asked to stop, case %#, stores once that it is done, and completes',
  async (type, input, when, end) => {
    const workflowId = randomUUID();
    asked.set(workflowId, when);
    const handle = await client.workflow.start(type, { workflowId, taskQueue: WORKFLOW_QUEUE, args: [input] });
    await handle.result().catch(() => undefined);
    expect(ends.get(workflowId)).toEqual([end]);
    expect((await handle.describe()).status.name).toBe('COMPLETED');
  },
  60_000,
);
