import { Client, Connection, WithStartWorkflowOperation } from '@temporalio/client';
import { SearchAttributeType, TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import { NativeConnection, Worker } from '@temporalio/worker';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAuthorizationGateway } from '../../../api/temporal/authorization-gateway.ts';
import { createConnectionGateway } from '../../../api/temporal/connection-gateway.ts';
import { createJobGateway } from '../../../api/temporal/job-gateway.ts';
import { createScheduleGateway } from '../../../api/temporal/schedule-gateway.ts';
import { callTemporal } from '../../../api/temporal/temporal-gateway.ts';
import { ENSURE_FRESH_UPDATE, KEEP_CONNECTION_FRESH } from '../../../contracts/connections.ts';
import type { AuthorizeConnectionInput } from '../../../contracts/connections.ts';
import type { ConnectionId, JobId, VenueId } from '../../../contracts/ids.ts';
import { WORKFLOW_QUEUE } from '../../../contracts/temporal.ts';
import { ownerKeywords, ownerOptions } from '../../../domain/grants/connection-owner.ts';
import { DEFAULT_TIMING } from '../../../domain/schedule/scheduled-sync.ts';
import { startAttributes } from '../../../domain/sync/search-attributes.ts';
import { buildWorkflowBundle } from '../../../worker/workflow-bundle.ts';
import { createTestNamespace } from '../../support/services/temporal.ts';
import type { TestTemporal } from '../../support/services/temporal.ts';

/** Temporal's limit of concurrent updates per workflow (server 1.32.0, `history.maxInFlightUpdates`). */
const MAX_IN_FLIGHT = 10;

let temporal: TestTemporal;
let connection: Connection;
let access: { readonly client: Client; readonly connection: Connection; readonly providerName: () => string };

beforeAll(async () => {
  temporal = await createTestNamespace();
  connection = await Connection.connect({ address: temporal.address });
  access = {
    connection,
    client: new Client({ connection, namespace: temporal.namespace }),
    providerName: () => 'Square',
  };
});
afterAll(() => connection.close());

const aConnection = () =>
  ({ venueId: uuidv7() as VenueId, connectionId: uuidv7() as ConnectionId, provider: 'square' }) as const;
const refused = { code: 'temporal-refused', status: 500, headers: {} };

function anAttempt(sealedVerifier: string): AuthorizeConnectionInput {
  const asked = {
    environment: 'sandbox',
    flow: 'code',
    redirectUri: 'https://interlock.test/oauth/square/callback',
    reauthorize: false,
    requestedBy: 'alice',
  } as const;
  return { ...aConnection(), ...asked, sealedVerifier, expiresAt: new Date(Date.now() + 600_000).toISOString() };
}

describe('a permanent rejection by Temporal', () => {
  it('is reported as our fault, without Retry-After: a search attribute that is not registered', async () => {
    const typedSearchAttributes = new TypedSearchAttributes([
      { key: defineSearchAttributeKey('NobodyRegisteredThis', SearchAttributeType.KEYWORD), value: 'x' },
    ]);
    const start = callTemporal(access, ({ workflow }) =>
      workflow.start('any', { taskQueue: 'nobody', workflowId: uuidv7(), args: [], typedSearchAttributes }),
    );
    await expect(start).rejects.toMatchObject(refused);
    const workflow = {
      taskQueue: 'nobody',
      workflowId: uuidv7(),
      args: [],
      typedSearchAttributes,
      workflowIdConflictPolicy: 'USE_EXISTING',
    } as const;
    const signal = callTemporal(access, (client) =>
      client.workflow.signalWithStart('any', { ...workflow, signal: 'any' }),
    );
    await expect(signal).rejects.toMatchObject(refused);
    // This call throws an error of another shape.
    const update = callTemporal(access, (client) =>
      client.workflow.executeUpdateWithStart('any', {
        startWorkflowOperation: new WithStartWorkflowOperation('any', workflow),
      }),
    );
    await expect(update).rejects.toMatchObject(refused);
  });

  it('is reported as our fault: an argument that is too large', async () => {
    await expect(
      createAuthorizationGateway(access).begin(uuidv7(), anAttempt('x'.repeat(3_000_000)), null),
    ).rejects.toMatchObject(refused);
  });

  it('is reported as our fault: a namespace that is not registered', async () => {
    const nowhere = { ...access, client: new Client({ connection, namespace: 'nobody-registered-this' }) };
    await expect(createJobGateway(nowhere).startKeyRotation(uuidv7() as JobId)).rejects.toMatchObject(refused);
    const schedule = { ...aConnection(), resource: 'customers' } as const;
    await expect(
      createScheduleGateway(nowhere).create(
        { ...schedule, direction: 'pull' },
        { timing: DEFAULT_TIMING, jitterMs: 0 },
      ),
    ).rejects.toMatchObject(refused);
    await expect(createScheduleGateway(nowhere).find(schedule)).rejects.toMatchObject(refused);
    await expect(createConnectionGateway(nowhere).lookAgain(aConnection())).rejects.toMatchObject(refused);
    await expect(
      createConnectionGateway(nowhere).disconnect(aConnection(), { records: 'keep', requestedBy: 'alice' }),
    ).rejects.toMatchObject(refused);
  });
});

describe('an error in our own code during a call to Temporal', () => {
  it('is not taken for one of Temporal’s, whatever number it has', async () => {
    const aborted = new DOMException('stopped', 'AbortError');
    await expect(callTemporal(access, () => Promise.reject(aborted))).rejects.toBe(aborted);
  });
});

describe('a caller behind as many updates as a workflow allows', () => {
  it('is told within the deadline to retry', async () => {
    const native = await NativeConnection.connect({ address: temporal.address });
    // Runs workflows only: the token manager waits for its grant, and so do all who ask it.
    const worker = await Worker.create({
      connection: native,
      namespace: temporal.namespace,
      taskQueue: WORKFLOW_QUEUE,
      workflowBundle: await buildWorkflowBundle(),
    });
    await worker.runUntil(async () => {
      const ours = aConnection();
      const owner = { ...ownerOptions(ours, 'Square'), typedSearchAttributes: startAttributes(ownerKeywords(ours)) };
      const ask = () =>
        access.client.workflow.startUpdateWithStart(ENSURE_FRESH_UPDATE, {
          args: [{ minValidMs: 1, rejectedGeneration: null }],
          waitForStage: 'ACCEPTED',
          startWorkflowOperation: new WithStartWorkflowOperation(KEEP_CONNECTION_FRESH, owner),
        });
      for (let inFlight = 0; inFlight < MAX_IN_FLIGHT; inFlight += 1) await ask();
      const gateway = createConnectionGateway({ ...access, acceptTimeoutMs: 1_000 });
      // The client alone would wait for 41 s, longer than this test may take.
      await expect(gateway.disconnect(ours, { records: 'keep', requestedBy: 'alice' })).rejects.toMatchObject({
        code: 'worker-unavailable',
        status: 503,
        headers: { 'Retry-After': '5' },
      });
      await access.client.workflow.getHandle(owner.workflowId).terminate('test');
    });
    await native.close();
  }, 30_000);
});
