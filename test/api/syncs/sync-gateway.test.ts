import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client, Connection } from '@temporalio/client';
import { v7 as uuidv7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createSyncGateway } from '../../../api/temporal/sync-gateway.ts';
import type { SyncGateway } from '../../../api/temporal/sync-gateway.ts';
import type { ConnectionId, SyncId, VenueId } from '../../../contracts/ids.ts';
import { APPROVE_SIGNAL, syncWorkflowId, WAKE_SIGNAL } from '../../../contracts/sync.ts';
import type { SyncRun } from '../../../db/runs/sync-run-store.ts';
import { until } from '../../support/eventually.ts';
import { awayTemporal, useTemporalClient } from '../../support/services/temporal.ts';
import { startStopwatch } from '../../support/stopwatch.ts';

// No worker runs here: workflows stay as the gateway started them.
let connection: Connection;
let client: Client;
let gateway: SyncGateway;

beforeAll(async () => {
  const temporal = await useTemporalClient();
  ({ client, connection } = temporal);
  gateway = createSyncGateway({ ...temporal, providerName: () => 'Stripe' });
});
afterAll(() => connection.close());

function aRun(changes: Partial<SyncRun> = {}): SyncRun {
  const key = {
    venueId: uuidv7() as VenueId,
    connectionId: uuidv7() as ConnectionId,
    provider: 'stripe',
    resource: 'customers',
    direction: 'pull',
  } as const;
  const plain = {
    dryRun: false,
    deadLettersOnly: false,
    window: null,
    planId: null,
    deviationCount: 0,
    plan: null,
    awaiting: null,
    approvedAt: null,
  };
  const none = {
    phase: 'queued',
    outcome: null,
    error: null,
    waitingFor: null,
    done: 0,
    total: null,
    ratePerSecond: 0,
    providerCalls: 0,
  } as const;
  const counts = { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 };
  const times = { createdAt: new Date(), startedAt: null, finishedAt: null, updatedAt: new Date() };
  return {
    id: uuidv7() as SyncId,
    ...key,
    mode: 'full',
    ...plain,
    ...none,
    counts,
    ...times,
    workflowId: syncWorkflowId(key),
    workflowRunId: null,
    ...changes,
  };
}

const describeWorkflow = (run: SyncRun) => client.workflow.getHandle(run.workflowId).describe();
const terminate = (run: SyncRun) => client.workflow.getHandle(run.workflowId).terminate('test');

describe('the gateway to Temporal', () => {
  it('starts a run with its summary, attributes, priority and memo for the Web UI, and only ids as input', async () => {
    const run = aRun();
    const runId = await gateway.start(run);
    const description = await describeWorkflow(run);
    expect(description.runId).toBe(runId);
    expect(await description.staticSummary()).toBe('Stripe → venue: customers, full');
    expect(description.memo).toEqual({ syncId: run.id });
    expect(description.priority).toMatchObject({ priorityKey: 4, fairnessKey: run.venueId });
    const attributes = Object.fromEntries(
      description.typedSearchAttributes.getAll().map(({ key, value }) => [key.name, value]),
    );
    expect(attributes).toMatchObject({
      VenueId: run.venueId,
      Provider: 'stripe',
      ConnectionId: run.connectionId,
      Resource: 'customers',
      Direction: 'pull',
      Phase: 'queued',
      NeedsAttention: false,
    });
    const { venueId, connectionId } = run;
    expect(await inputOf(run)).toEqual({
      venueId,
      connectionId,
      provider: 'stripe',
      resource: 'customers',
      direction: 'pull',
      syncId: run.id,
      mode: 'full',
    });
    await terminate(run);
  });

  it('gives an incremental push its own summary and a higher priority', async () => {
    const run = aRun({ direction: 'push', mode: 'incremental' });
    await gateway.start(run);
    const description = await describeWorkflow(run);
    expect(await description.staticSummary()).toBe('venue → Stripe: customers, incremental');
    expect(description.priority).toMatchObject({ priorityKey: 3 });
    await terminate(run);
  });

  it('starts a dry run beside a run, with its window in whole seconds and its plan', async () => {
    const run = aRun({ mode: 'incremental' });
    const key = {
      venueId: run.venueId,
      connectionId: run.connectionId,
      resource: 'customers',
      direction: 'pull',
    } as const;
    const window = { from: new Date('2026-01-01T00:00:00.001Z'), to: new Date('2026-01-02T00:00:00Z') };
    const dry = aRun({ ...key, dryRun: true, window, workflowId: syncWorkflowId({ ...key, dryRun: true }) });
    const planned = { ...run, planId: dry.id };
    await Promise.all([gateway.start(planned), gateway.start(dry)]);
    expect(await inputOf(dry)).toMatchObject({
      syncId: dry.id,
      dryRun: true,
      window: { fromEpochS: 1_767_225_601, toEpochS: 1_767_312_000 },
    });
    expect(await inputOf(planned)).toMatchObject({ syncId: run.id, planId: dry.id });
    expect(Object.keys(await inputOf(planned))).not.toContain('dryRun');
    expect(await (await describeWorkflow(dry)).staticSummary()).toBe('Stripe → venue: customers, window, dry run');
    await Promise.all([terminate(run), terminate(dry)]);
  });

  it('signals approvals and wake-ups to the run’s own workflow, and never to another run of the same sync', async () => {
    const run = aRun();
    await gateway.start(run);
    const other = { ...run, id: uuidv7() as SyncId };
    expect([await gateway.approve(other, { by: 'alice' }), await gateway.wake(other)]).toEqual([false, false]);
    expect(await signals(run)).toEqual([]);
    expect([await gateway.approve(run, { by: 'alice' }), await gateway.wake(run)]).toEqual([true, true]);
    expect(await signals(run)).toEqual([[APPROVE_SIGNAL, { by: 'alice' }], [WAKE_SIGNAL]]);
    await terminate(run);
    expect([await gateway.approve(run, { by: 'alice' }), await gateway.wake(run), await gateway.wake(aRun())]).toEqual([
      false,
      false,
      false,
    ]);
  });

  it('waits until the workflow of a run that is over has closed', async () => {
    const run = aRun();
    const runId = await gateway.start(run);
    // A workflow run that another start gave the run is working, not closing.
    await gateway.untilClosed({ ...run, workflowRunId: uuidv7() });
    let closed = false;
    const waiting = gateway.untilClosed({ ...run, workflowRunId: runId }).then(() => {
      closed = true;
    });
    await sleep(600);
    expect(closed).toBe(false);
    await terminate(run);
    await waiting;
    await gateway.untilClosed(aRun());
  });

  it('starts a run once, however often and however concurrently it is asked', async () => {
    const run = aRun();
    const runIds = await Promise.all(Array.from({ length: 8 }, () => gateway.start(run)));
    expect(new Set(runIds).size).toBe(1);
    expect(await gateway.findRunning(run)).toBe(runIds[0]);
    await terminate(run);
  });

  it('waits for an earlier run of the same sync to close, then starts', async () => {
    const earlier = aRun();
    await gateway.start(earlier);
    const run = { ...earlier, id: uuidv7() as SyncId };
    expect(await gateway.findRunning(run)).toBeNull();
    const starting = gateway.start(run);
    await sleep(700);
    await terminate(earlier);
    expect(await gateway.findRunning({ ...run, workflowRunId: await starting })).toBe(await starting);
    await terminate(run);
  });

  it('gives up with a retryable error when the earlier run does not close', async () => {
    const earlier = aRun();
    await gateway.start(earlier);
    await expect(gateway.start({ ...earlier, id: uuidv7() as SyncId })).rejects.toMatchObject({
      code: 'temporal-unavailable',
      headers: { 'Retry-After': '2' },
    });
    await terminate(earlier);
  });

  it('restarts a run whose workflow was terminated by hand', async () => {
    const run = aRun();
    const first = await gateway.start(run);
    await terminate(run);
    expect(await gateway.findRunning(run)).toBeNull();
    expect(await gateway.start(run)).not.toBe(first);
    await terminate(run);
  });

  it('asks a run to stop, repeatedly, and never another run of the same sync', async () => {
    const run = aRun();
    await gateway.start(run);
    expect(await gateway.cancel({ ...run, id: uuidv7() as SyncId })).toBe(false);
    expect((await cancelRequests(run)).length).toBe(0);
    expect([await gateway.cancel(run), await gateway.cancel(run)]).toEqual([true, true]);
    expect((await cancelRequests(run)).length).toBe(1);
    await terminate(run);
    expect(await gateway.cancel(run)).toBe(false);
    expect(await gateway.cancel(aRun())).toBe(false);
  });

  it('records the cancellation before the first step of a run that is started to be cancelled', async () => {
    const run = aRun();
    await gateway.start(run, { delayMs: 3_000 });
    await gateway.cancel(run);
    const kindsNow = async () => {
      const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory();
      return (events ?? []).map((event) =>
        event.workflowExecutionCancelRequestedEventAttributes
          ? 'cancel'
          : event.workflowTaskScheduledEventAttributes
            ? 'task'
            : 'other',
      );
    };
    const kinds = await until(async () => ((await kindsNow()).includes('task') ? kindsNow() : null), {
      limitMs: 20_000,
      what: 'its first step is scheduled',
      everyMs: 200,
    });
    expect(kinds.filter((kind) => kind !== 'other')).toEqual(['cancel', 'task']);
    await terminate(run);
  });

  it('answers pings, and reports within its deadline when Temporal is not there', async () => {
    await expect(gateway.ping(2_000)).resolves.toBeUndefined();
    const nowhere = awayTemporal();
    const lost = createSyncGateway({ ...nowhere, namespace: 'default', providerName: () => 'Stripe' });
    const elapsedMs = startStopwatch();
    await expect(lost.ping(500)).rejects.toThrow();
    await expect(lost.start(aRun())).rejects.toMatchObject({ code: 'temporal-unavailable' });
    await expect(lost.cancel(aRun())).rejects.toMatchObject({ code: 'temporal-unavailable' });
    expect(elapsedMs()).toBeLessThan(20_000);
    await nowhere.connection.close();
  });

  it('has no workflow for a run that was never started', async () => {
    expect(await gateway.findRunning(aRun({ workflowId: `sync/${randomUUID()}` }))).toBeNull();
  });
});

async function inputOf(run: SyncRun): Promise<object> {
  const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory();
  const input = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0]?.data;
  return JSON.parse(Buffer.from(input ?? []).toString()) as object;
}

/** Name and arguments of each signal that the run received. */
async function signals(run: SyncRun): Promise<unknown[][]> {
  const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory();
  return (events ?? []).flatMap(({ workflowExecutionSignaledEventAttributes: signal }) =>
    signal
      ? [
          [
            signal.signalName,
            ...(signal.input?.payloads ?? []).map(
              ({ data }) => JSON.parse(Buffer.from(data ?? []).toString()) as unknown,
            ),
          ],
        ]
      : [],
  );
}

async function cancelRequests(run: SyncRun): Promise<unknown[]> {
  const { events } = await client.workflow.getHandle(run.workflowId).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionCancelRequestedEventAttributes);
}
