import { randomUUID } from 'node:crypto';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  DISCONNECT_UPDATE,
  KEEP_CONNECTION_FRESH,
  keepConnectionFreshWorkflowId,
} from '../../contracts/connections.ts';
import type { DeletionCursor, KeepConnectionFreshInput } from '../../contracts/connections.ts';
import type { ConnectionId, RecordId, VenueId } from '../../contracts/ids.ts';
import { INTERNAL_QUEUE, WORKFLOW_QUEUE, laneQueue } from '../../contracts/temporal.ts';
import { installTemporalRuntime } from '../support/services/temporal-runtime.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';

type Answer = DeletionCursor | boolean | null;

/** Runs the token manager on a real server; the test scripts what its activities return. */
describe('a disconnection that deletes records', () => {
  let client: Client;
  let stop: () => Promise<void>;
  const answers = new Map<string, Answer[]>();
  const asked = new Map<string, (DeletionCursor | undefined)[]>();

  beforeAll(async () => {
    const [{ address, namespace }, workflowBundle] = await Promise.all([createTestNamespace(), buildWorkflowBundle()]);
    installTemporalRuntime();
    const connection = await NativeConnection.connect({ address });
    const upkeep = {
      readGrant: () => ({ state: 'active', generation: 1, accessExpiresAt: null, refreshAt: null, deadlines: [] }),
      stopConnection: () => undefined,
      wipeCredentials: () => undefined,
      deleteRecords({ connectionId, cursor }: KeepConnectionFreshInput & { readonly cursor?: DeletionCursor }): Answer {
        asked.set(connectionId, [...(asked.get(connectionId) ?? []), cursor]);
        return answers.get(connectionId)?.shift() ?? null;
      },
    };
    const workers = await Promise.all([
      Worker.create({ connection, namespace, taskQueue: WORKFLOW_QUEUE, workflowBundle }),
      Worker.create({ connection, namespace, taskQueue: INTERNAL_QUEUE, activities: upkeep }),
      Worker.create({
        connection,
        namespace,
        taskQueue: laneQueue('interactive'),
        activities: { removeWebhookAddress: () => ({ outcome: 'none' }), revokeGrant: () => 'revoked' },
      }),
    ]);
    const running = Promise.all(workers.map((worker) => worker.run()));
    const clientConnection = await Connection.connect({ address });
    client = new Client({ connection: clientConnection, namespace });
    stop = async () => {
      for (const worker of workers) worker.shutdown();
      await running;
      await Promise.all([connection.close(), clientConnection.close()]);
    };
  }, 120_000);
  afterAll(() => stop());

  async function cursorsAsked(...answered: Answer[]) {
    const input = {
      venueId: randomUUID() as VenueId,
      connectionId: randomUUID() as ConnectionId,
      provider: 'stripe',
    } as const;
    answers.set(input.connectionId, answered);
    const owner = await client.workflow.start(KEEP_CONNECTION_FRESH, {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: keepConnectionFreshWorkflowId(input.connectionId),
      args: [input],
    });
    await owner.executeUpdate(DISCONNECT_UPDATE, { args: [{ records: 'delete', requestedBy: 'an-admin' }] });
    return asked.get(input.connectionId);
  }
  const at = (after: string): DeletionCursor => ({ resource: 'customers', after: after as RecordId });

  it('passes each activity the cursor that the one before it returned', async () => {
    expect(await cursorsAsked(at('a'), at('b'), null)).toEqual([undefined, at('a'), at('b')]);
  });

  it('completes with a worker of an earlier version, which returns only whether there is more', async () => {
    expect(await cursorsAsked(at('a'), true, false)).toEqual([undefined, at('a'), at('a')]);
  });
});
