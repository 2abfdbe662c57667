import { Client, WithStartWorkflowOperation } from '@temporalio/client';
import { MockActivityEnvironment } from '@temporalio/testing';
import { NativeConnection, Worker } from '@temporalio/worker';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ownerStart } from '../../../activities/connections/connection-owner.ts';
import { createCredentials } from '../../../activities/connections/credentials.ts';
import { ENSURE_FRESH_UPDATE, KEEP_CONNECTION_FRESH } from '../../../contracts/connections.ts';
import { WORKFLOW_QUEUE } from '../../../contracts/temporal.ts';
import { createAuditStore } from '../../../db/core/audit-store.ts';
import { buildWorkflowBundle } from '../../../worker/workflow-bundle.ts';
import { createGrantWorld } from '../../support/worlds/grant-world.ts';
import type { GrantWorld } from '../../support/worlds/grant-world.ts';

/** The maximum of concurrent updates per workflow (server 1.32.0, `history.maxInFlightUpdates`). */
const MAX_IN_FLIGHT = 10;

let world: GrantWorld;
let native: NativeConnection;
beforeAll(async () => {
  world = await createGrantWorld();
  native = await NativeConnection.connect({ address: world.temporal.address });
}, 120_000);
afterAll(async () => {
  await native.close();
  await world.close();
});

describe('an activity that needs a fresh token', () => {
  it('does not wait for a token manager that accepts no more updates', async () => {
    const { namespace } = world.temporal;
    const grant = await world.aGrant('quickbooks', 'code');
    await world.expire(grant);
    // Runs workflows only, so the token manager waits for its first `readGrant`, and so does every caller.
    const worker = await Worker.create({
      connection: native,
      namespace,
      taskQueue: WORKFLOW_QUEUE,
      workflowBundle: await buildWorkflowBundle(),
    });
    await worker.runUntil(async () => {
      for (let inFlight = 0; inFlight < MAX_IN_FLIGHT; inFlight += 1) {
        await world.client.workflow.startUpdateWithStart(ENSURE_FRESH_UPDATE, {
          args: [{ minValidMs: 1, rejectedGeneration: null }],
          waitForStage: 'ACCEPTED',
          startWorkflowOperation: new WithStartWorkflowOperation(
            KEEP_CONNECTION_FRESH,
            ownerStart(grant, 'QuickBooks'),
          ),
        });
      }
      const { connections, tokens, providers, vault } = world;
      const credentials = createCredentials({
        connections,
        tokens,
        providers,
        vault,
        audit: createAuditStore(world.database.db),
        askTimeoutMs: 1_000,
      });
      const environment = new MockActivityEnvironment({}, { client: new Client({ connection: native, namespace }) });
      // The worker's client alone would retry for four times 13 s, longer than this test may take.
      await expect(environment.run(() => credentials.open(grant, null))).rejects.toMatchObject({
        details: { kind: 'unavailable', code: 'no-fresh-token' },
      });
      await world.owner(grant).terminate('test');
    });
  }, 40_000);
});
