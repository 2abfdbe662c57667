import { Client, Connection } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REMOVE_EXPIRED_ROWS } from '../../contracts/retention.ts';
import type { RemoveExpiredChunk, RemoveExpiredInput, RemoveExpiredRowsInput } from '../../contracts/retention.ts';
import { INTERNAL_QUEUE, WORKFLOW_QUEUE } from '../../contracts/temporal.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import { attributesOf } from '../support/worlds/sync-venue.ts';

const INPUT: RemoveExpiredRowsInput = {
  rules: [
    { table: 'connections', keptDays: null },
    { table: 'sync_logs', keptDays: 30 },
    { table: 'audit_log', keptDays: 400 },
  ],
};

let client: Client;
let stop: () => Promise<void>;
/** What the activity answers and what it was asked. */
let answer: (input: RemoveExpiredInput) => Promise<RemoveExpiredChunk> | RemoveExpiredChunk;
let asked: RemoveExpiredInput[];

beforeAll(async () => {
  const [{ address, namespace }, workflowBundle] = await Promise.all([createTestNamespace(), buildWorkflowBundle()]);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  const removeExpired = (input: RemoveExpiredInput) => {
    asked.push(input);
    return answer(input);
  };
  const workers = await Promise.all([
    Worker.create({ connection, namespace, taskQueue: WORKFLOW_QUEUE, workflowBundle }),
    Worker.create({ connection, namespace, taskQueue: INTERNAL_QUEUE, activities: { removeExpired } }),
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

async function start(workflowId: string, answers: typeof answer) {
  answer = answers;
  asked = [];
  return client.workflow.start(REMOVE_EXPIRED_ROWS, { workflowId, taskQueue: WORKFLOW_QUEUE, args: [INPUT] });
}

describe('the workflow that removes expired rows', () => {
  it('removes from one table after the other until nothing is left, and adds up what it removed', async () => {
    const handle = await start('retention-in-order', ({ table, after }) =>
      table === 'sync_logs' && after !== '20'
        ? { removed: 5, after: after === null ? '10' : '20', more: true }
        : { removed: 2, after: null, more: false },
    );
    expect(await handle.result()).toEqual({ removed: { connections: 2, sync_logs: 12, audit_log: 2 } });
    expect(asked.map(({ table, keptDays, after }) => [table, keptDays, after])).toEqual([
      ['connections', null, null],
      ['sync_logs', 30, null],
      ['sync_logs', 30, '10'],
      ['sync_logs', 30, '20'],
      ['audit_log', 400, null],
    ]);
  });

  it('goes on with the other tables when one fails, and then fails itself so that operators see it', async () => {
    const handle = await start('retention-one-fails', ({ table }) => {
      if (table === 'sync_logs') throw ApplicationFailure.nonRetryable('as the database said', 'Internal');
      return { removed: 1, after: null, more: false };
    });
    await expect(handle.result()).rejects.toMatchObject({
      cause: { type: 'RetentionIncomplete', message: 'rows could not be removed from: sync_logs' },
    });
    expect(asked.map(({ table }) => table)).toEqual(['connections', 'sync_logs', 'audit_log']);
    expect(attributesOf(await handle.describe())).toMatchObject({
      ErrorType: 'RetentionIncomplete',
      NeedsAttention: true,
    });
  });

  it('leaves the rest to the next run when it is cancelled', async () => {
    const handle = await start('retention-cancelled', async ({ table }) => {
      if (table === 'connections') await handle.cancel();
      return { removed: 1, after: null, more: false };
    });
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect(asked.map(({ table }) => table)).toEqual(['connections']);
  });
});
