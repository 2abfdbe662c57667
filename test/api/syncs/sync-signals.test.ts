import { readdir, readFile } from 'node:fs/promises';
import { Client, Connection } from '@temporalio/client';
import { NativeConnection, Worker } from '@temporalio/worker';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSyncGateway } from '../../../api/temporal/sync-gateway.ts';
import {
  AUTHORIZE_CONNECTION,
  KEEP_CONNECTION_FRESH,
  authorizeConnectionWorkflowId,
  keepConnectionFreshWorkflowId,
} from '../../../contracts/connections.ts';
import { RETRY_DEAD_LETTERS, retryDeadLettersWorkflowId } from '../../../contracts/dead-letters.ts';
import type { ConnectionId, JobId, SubscriptionId, VenueId } from '../../../contracts/ids.ts';
import { DRAIN_INBOX, drainInboxWorkflowId } from '../../../contracts/inbox.ts';
import { REPROJECT_RECORDS, reprojectWorkflowId } from '../../../contracts/mappings.ts';
import { DELIVER_WEBHOOKS, deliverWebhooksWorkflowId } from '../../../contracts/outgoing-webhooks.ts';
import { syncWorkflowId } from '../../../contracts/sync.ts';
import { WORKFLOW_QUEUE } from '../../../contracts/temporal.ts';
import { CLOSE_VENUE, closeVenueWorkflowId, SHRED_AFTER_MS } from '../../../contracts/venues.ts';
import { ROTATE_VAULT_KEYS, rotateVaultKeysWorkflowId } from '../../../contracts/vault.ts';
import type { SyncRun } from '../../../db/runs/sync-run-store.ts';
import { createTestNamespace } from '../../support/services/temporal.ts';
import { buildWorkflowBundle } from '../../../worker/workflow-bundle.ts';
import { installTemporalRuntime } from '../../support/services/temporal-runtime.ts';

/** The part of the SDK's workflow metadata that the test reads. */
interface WorkflowMetadata {
  readonly definition: Readonly<
    Partial<
      Record<'signalDefinitions' | 'queryDefinitions' | 'updateDefinitions', readonly { readonly name?: string }[]>
    >
  >;
}

const root = (folder: string) => new URL(`../../../${folder}/`, import.meta.url);

/** Every signal, query and update name in the contracts. */
async function contractNames(): Promise<readonly { readonly kind: string; readonly name: string }[]> {
  const found: { kind: string; name: string }[] = [];
  for (const file of await readdir(root('contracts'))) {
    const module = (await import(new URL(file, root('contracts')).href)) as Readonly<Record<string, unknown>>;
    for (const [key, value] of Object.entries(module)) {
      const kind = /_(SIGNAL|UPDATE|QUERY)$/.exec(key)?.[1]?.toLowerCase();
      if (kind !== undefined && typeof value === 'string') found.push({ kind, name: value });
    }
  }
  return found;
}

const keyOfRun = () =>
  ({
    venueId: uuidv7() as VenueId,
    connectionId: uuidv7() as ConnectionId,
    resource: 'customers',
    direction: 'pull',
  }) as const;

/** The fields of a run that the gateway reads. */
function aRun(): SyncRun {
  const key = keyOfRun();
  return {
    ...key,
    id: uuidv7(),
    provider: 'stripe',
    mode: 'full',
    dryRun: false,
    window: null,
    planId: null,
    workflowId: syncWorkflowId(key),
  } as Partial<SyncRun> as SyncRun;
}

describe('the signals, queries and updates of the API', () => {
  let worker: Worker;
  let running: Promise<void>;
  let native: NativeConnection;
  let connection: Connection;
  let client: Client;
  const run = aRun();
  let handled: Readonly<Record<string, readonly string[]>>;

  // Runs the real bundle without activities, so that the workflow waits at its first step.
  beforeAll(async () => {
    installTemporalRuntime();
    const { address, namespace } = await createTestNamespace();
    [native, connection] = await Promise.all([NativeConnection.connect({ address }), Connection.connect({ address })]);
    const workflowBundle = await buildWorkflowBundle();
    worker = await Worker.create({ connection: native, namespace, taskQueue: WORKFLOW_QUEUE, workflowBundle });
    running = worker.run();
    client = new Client({ connection, namespace });
    const gateway = createSyncGateway({ client, connection, namespace, providerName: () => 'Stripe' });
    await gateway.start(run);
    expect([await gateway.approve(run, { by: 'alice' }), await gateway.wake(run)]).toEqual([true, true]);
    const jobId = uuidv7() as JobId;
    // A rotation that has started; its first step has no worker either.
    const rotation = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: rotateVaultKeysWorkflowId(jobId),
      args: [{ jobId, continued: true }],
    };
    await client.workflow.start(ROTATE_VAULT_KEYS, rotation);
    const ref = { venueId: run.venueId, connectionId: run.connectionId, provider: run.provider };
    const owner = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: keepConnectionFreshWorkflowId(run.connectionId),
      args: [ref],
    };
    await client.workflow.start(KEEP_CONNECTION_FRESH, owner);
    const attempt = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: authorizeConnectionWorkflowId('0'.repeat(32)),
      args: [{ ...ref, expiresAt: new Date(Date.now() + 60_000).toISOString() }],
    };
    await client.workflow.start(AUTHORIZE_CONNECTION, attempt);
    const drainer = { taskQueue: WORKFLOW_QUEUE, workflowId: drainInboxWorkflowId(0), args: [{ partition: 0 }] };
    await client.workflow.start(DRAIN_INBOX, drainer);
    const reprojection = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: reprojectWorkflowId(run.connectionId, run.resource),
      args: [{ ...ref, resource: run.resource, version: 1, providerName: 'Stripe' }],
    };
    await client.workflow.start(REPROJECT_RECORDS, reprojection);
    const retry = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: retryDeadLettersWorkflowId(run.venueId),
      args: [{ venueId: run.venueId }],
    };
    await client.workflow.start(RETRY_DEAD_LETTERS, retry);
    const subscription = { venueId: run.venueId, subscriptionId: uuidv7() as SubscriptionId };
    const delivery = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: deliverWebhooksWorkflowId(subscription),
      args: [subscription],
    };
    await client.workflow.start(DELIVER_WEBHOOKS, delivery);
    const closing = {
      taskQueue: WORKFLOW_QUEUE,
      workflowId: closeVenueWorkflowId(run.venueId),
      args: [{ venueId: run.venueId, requestedBy: 'alice', requestId: null, shredAfterMs: SHRED_AFTER_MS }],
    };
    await client.workflow.start(CLOSE_VENUE, closing);
    const told = await Promise.all(
      [run, rotation, owner, attempt, drainer, reprojection, retry, delivery, closing]
        .map(({ workflowId }) => workflowId)
        .map((id) => client.workflow.getHandle(id).query<WorkflowMetadata>('__temporal_workflow_metadata')),
    );
    const namesOf = (kind: keyof WorkflowMetadata['definition']) =>
      told.flatMap(({ definition }) => (definition[kind] ?? []).flatMap(({ name }) => name ?? []));
    handled = {
      signal: namesOf('signalDefinitions'),
      query: namesOf('queryDefinitions'),
      update: namesOf('updateDefinitions'),
    };
  }, 120_000);
  afterAll(async () => {
    worker.shutdown();
    await running;
    await Promise.all([native.close(), connection.close()]);
  });

  it('have a handler in the bundled workflow, name by name of the contracts', async () => {
    const names = await contractNames();
    expect(names.length).toBeGreaterThan(0);
    for (const { kind, name } of names) expect.soft(handled[kind], `${kind} ${name}`).toContain(name);
  });

  it('are understood as they are really sent', async () => {
    const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory();
    const sent = (events ?? []).flatMap(
      ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName ?? [],
    );
    expect(sent.length).toBe(2);
    expect(handled['signal']).toEqual(expect.arrayContaining(sent));
  });

  it('are named in the contracts and nowhere else', async () => {
    const sources = (await readdir(root('api'), { recursive: true })).filter((file) => file.endsWith('.ts'));
    expect(sources.length).toBeGreaterThan(20);
    for (const file of sources) {
      const text = await readFile(new URL(file, root('api')), 'utf8');
      expect
        .soft(text, file)
        .not.toMatch(/\.(signal|signalWithStart|query|executeUpdate|startUpdate)(<[^(]*>)?\(\s*['"`]/);
    }
  });
});
