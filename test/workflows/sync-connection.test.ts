import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Context } from '@temporalio/activity';
import { Client, Connection, WorkflowFailedError } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { BundleOptions } from '@temporalio/worker';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { FAILURE } from '../../contracts/failures.ts';
import type { ConnectionId, SyncId, VenueId } from '../../contracts/ids.ts';
import { APPROVE_SIGNAL, SYNC_CONNECTION, WAKE_SIGNAL } from '../../contracts/sync.ts';
import type { FinishSyncInput, NoteApprovalInput, ParkSyncInput, SyncChunkResult, SyncConnectionInput, SyncProgress } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE, WORKFLOW_QUEUE, providerQueue } from '../../contracts/temporal.ts';
import { until } from '../support/eventually.ts';
import { createTestNamespace } from '../support/temporal.ts';

// The workflow alone, on a real server: what its activities answer is a test's to say, also what takes a provider days to bring about.

const FAST_QUEUE = 'workflows-with-a-fast-clock';
const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
const SCALED_PARKING = fileURLToPath(new URL('scaled-parking.ts', import.meta.url));

/** Bundles the workflows with `scaled-parking.ts` in the place of the waits that a person would have to sit out. */
const withFastClock: BundleOptions['webpackConfigHook'] = (config) => ({
  ...config,
  plugins: [
    ...(config.plugins ?? []),
    {
      apply(compiler) {
        compiler.hooks.normalModuleFactory.tap('fast-clock', (factory) => {
          factory.hooks.beforeResolve.tap('fast-clock', (module) => {
            if (module.request.endsWith('/domain/parking.ts') && module.contextInfo.issuer !== SCALED_PARKING) module.request = SCALED_PARKING;
          });
        });
      },
    },
  ],
});

const NOTHING: SyncProgress = { done: 0, total: 100, counts: { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 }, providerCalls: 0 };
const chunk = (status: SyncChunkResult['status'], more: object = {}): SyncChunkResult => ({ ...NOTHING, status, ...more });
const failure = (type: string) => ApplicationFailure.nonRetryable('as the provider said', type);
/** History enough, in three answers, that the server suggests to continue as new: it does so at 4 MiB. */
const PADDING = { padding: 'x'.repeat(1_500_000) };
const toWakeItself = () => client.workflow.getHandle(Context.current().info.workflowExecution!.workflowId).signal(WAKE_SIGNAL);

/** What the activities were asked, and what the chunks answer one after the other. */
interface Script {
  readonly chunks: (() => Promise<SyncChunkResult> | SyncChunkResult)[];
  padded: boolean;
  readonly parked: ParkSyncInput[];
  readonly approvals: NoteApprovalInput[];
  readonly ends: FinishSyncInput[];
  begun: number;
  stops: number;
  chunksRun: number;
}

const scripts = new Map<string, Script>();
const scriptOf = ({ syncId }: SyncConnectionInput): Script => {
  const script = scripts.get(syncId);
  if (!script) throw ApplicationFailure.nonRetryable('no test has this run');
  return script;
};

const control = {
  beginSync: (input: SyncConnectionInput) => { scriptOf(input).begun += 1; return Promise.resolve({ ...NOTHING, resumed: false }); },
  requestStop: (input: SyncConnectionInput) => { scriptOf(input).stops += 1; return Promise.resolve(); },
  parkSync: (input: ParkSyncInput) => { const script = scriptOf(input); script.parked.push(input); return Promise.resolve(script.padded ? PADDING : undefined); },
  noteApproval: (input: NoteApprovalInput) => { const script = scriptOf(input); script.approvals.push(input); return Promise.resolve(script.padded ? PADDING : undefined); },
  finishSync: (input: FinishSyncInput) => { scriptOf(input).ends.push(input); return Promise.resolve({ ...NOTHING, outcome: input.end === 'done' ? 'completed' : input.end }); },
};
const chunks = {
  async syncChunk(input: SyncConnectionInput): Promise<SyncChunkResult> {
    const script = scriptOf(input);
    script.chunksRun += 1;
    const next = script.chunks.length > 1 ? script.chunks.shift() : script.chunks[0];
    if (!next) throw ApplicationFailure.nonRetryable('the test expects no chunk');
    return next();
  },
};

let client: Client;
const closing: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const [{ address, namespace }, bundles] = await Promise.all([
    createTestNamespace(),
    Promise.all([bundleWorkflowCode({ workflowsPath: WORKFLOWS }), bundleWorkflowCode({ workflowsPath: WORKFLOWS, webpackConfigHook: withFastClock })]),
  ]);
  Runtime.install({ logger: new DefaultLogger('ERROR') });
  const connection = await NativeConnection.connect({ address });
  const common = { connection, namespace };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: WORKFLOW_QUEUE, workflowBundle: bundles[0] }),
    Worker.create({ ...common, taskQueue: FAST_QUEUE, workflowBundle: bundles[1] }),
    Worker.create({ ...common, taskQueue: INTERNAL_QUEUE, activities: control }),
    Worker.create({ ...common, taskQueue: providerQueue('stripe'), activities: chunks }),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  client = new Client({ connection: await Connection.connect({ address }), namespace });
  closing.push(() => client.connection.close(), () => connection.close(), () => running);
  closing.push(() => Promise.resolve(workers.map((worker) => { worker.shutdown(); })));
}, 120_000);
afterAll(async () => {
  for (const close of closing.reverse()) await close();
});

let script: Script;
let input: SyncConnectionInput;
beforeEach(() => {
  input = { venueId: randomUUID() as VenueId, connectionId: randomUUID() as ConnectionId, provider: 'stripe', resource: 'customers', direction: 'pull', syncId: randomUUID() as SyncId, mode: 'full' };
  script = { chunks: [], padded: false, parked: [], approvals: [], ends: [], begun: 0, stops: 0, chunksRun: 0 };
  scripts.set(input.syncId, script);
});

const start = (taskQueue = WORKFLOW_QUEUE) => client.workflow.start(SYNC_CONNECTION, { taskQueue, workflowId: `sync/${input.syncId}`, args: [input] });
const parkedTimes = (times: number) => until(() => script.parked.length >= times, { limitMs: 20_000, what: `the run has been parked ${times} times` });
const phaseOf = async (handle: WorkflowHandle) => (await handle.describe()).typedSearchAttributes.getAll().find(({ key }) => key.name === 'Phase')?.value;
const reaches = (handle: WorkflowHandle, phase: string) => until(async () => (await phaseOf(handle)) === phase, { limitMs: 20_000, what: `the workflow shows ${phase}`, everyMs: 50 });
const causeOf = (error: unknown): unknown => (error instanceof WorkflowFailedError ? error.cause : error);

/** How long each wait of a workflow run was to be, in the order in which they began. */
async function timersOf(runId: string): Promise<readonly number[]> {
  const { events } = await client.workflow.getHandle(`sync/${input.syncId}`, runId).fetchHistory();
  return (events ?? []).flatMap(({ timerStartedEventAttributes: timer }) => (timer ? [Number(timer.startToFireTimeout?.seconds ?? 0) * 1_000 + (timer.startToFireTimeout?.nanos ?? 0) / 1_000_000] : []));
}

describe('a run that is told to look again', () => {
  it('looks at once, also when it is told before it waits', async () => {
    // A new key may be entered before the workflow has heard that the old one was refused.
    script.chunks.push(async () => { await toWakeItself(); throw failure(FAILURE.needsReauth); }, () => chunk('done'));
    await (await start()).result();
    expect(script.parked).toMatchObject([{ what: 'needs-reauth' }]);
    expect(script).toMatchObject({ chunksRun: 2, ends: [{ end: 'done' }] });
  });

  it('looks once for each time it is told, and then waits again', async () => {
    script.chunks.push(() => { throw failure(FAILURE.needsReauth); });
    const handle = await start();
    await parkedTimes(1);
    await handle.signal(WAKE_SIGNAL);
    await parkedTimes(2);
    expect(script.chunksRun).toBe(2);
    script.chunks.push(() => chunk('done'));
    script.chunks.shift();
    await handle.signal(WAKE_SIGNAL);
    await handle.result();
    expect(script).toMatchObject({ chunksRun: 3, begun: 1 });
  });

  it('ignores it while it is at work', async () => {
    script.chunks.push(async () => { await toWakeItself(); return chunk('more'); }, () => { throw failure(FAILURE.needsReauth); });
    const handle = await start();
    await parkedTimes(1);
    await reaches(handle, 'waiting');
    expect(script.chunksRun).toBe(2);
    await handle.terminate();
  });
});

describe('a run whose provider is away for longer than its chunk tries', () => {
  it('goes on by itself when its wait is over, waits longer each time, and shows that it waits', async () => {
    const away = () => { throw failure(FAILURE.unavailable); };
    script.chunks.push(away, away, away, away, away, away, away, () => chunk('more'), away, () => chunk('done'));
    const handle = await start(FAST_QUEUE);
    expect(await handle.result()).toMatchObject({ outcome: 'completed' });
    // Minutes, in milliseconds: never longer than half an hour, and after progress from the beginning.
    expect(await timersOf(handle.firstExecutionRunId)).toEqual([1, 2, 4, 8, 16, 30, 30, 1]);
    expect(new Set(script.parked.map(({ what }) => what))).toEqual(new Set(['provider-unavailable']));
  });

  it('begins to count anew when it waits for something else', async () => {
    const away = () => { throw failure(FAILURE.unavailable); };
    const slow = () => { throw failure(FAILURE.rateLimited); };
    script.chunks.push(away, away, slow, away, () => chunk('done'));
    const handle = await start(FAST_QUEUE);
    await handle.result();
    expect(await timersOf(handle.firstExecutionRunId)).toEqual([1, 2, 1, 1]);
    expect(script.parked.map(({ what }) => what)).toEqual(['provider-unavailable', 'provider-unavailable', 'rate-limit', 'provider-unavailable']);
  });

  it('fails after a week with the provider’s failure, also when it continued as new meanwhile', async () => {
    script.padded = true;
    script.chunks.push(() => { if (script.chunksRun > 4) script.padded = false; throw failure(FAILURE.unavailable); });
    const handle = await start(FAST_QUEUE);
    const error: unknown = await handle.result().then(() => null, causeOf);
    expect(error).toMatchObject({ cause: { type: FAILURE.unavailable } });
    expect(script.ends).toMatchObject([{ end: 'failed', failure: { type: FAILURE.unavailable } }]);
    const last = (await client.workflow.getHandle(`sync/${input.syncId}`).describe()).runId;
    expect(last, 'the run has continued as new').not.toBe(handle.firstExecutionRunId);
    const waits = [...await timersOf(handle.firstExecutionRunId), ...await timersOf(last)];
    expect(waits.slice(0, 7)).toEqual([1, 2, 4, 8, 16, 30, 30]);
    expect(script.begun).toBe(1);
  });

  it('shows that it runs again once it works, also when it continued as new while it waited', async () => {
    script.padded = true;
    const away = () => { throw failure(FAILURE.unavailable); };
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => { release = resolve; });
    script.chunks.push(away, away, away, () => chunk('more'), async () => { await released; return chunk('done'); });
    const handle = await start(FAST_QUEUE);
    const latest = client.workflow.getHandle(`sync/${input.syncId}`);
    await reaches(latest, 'running');
    await until(async () => (await latest.describe()).runId !== handle.firstExecutionRunId, { limitMs: 20_000, what: 'the run has continued as new' });
    await reaches(latest, 'running');
    release();
    await latest.result();
  });
});

describe('a run that waits for approval', () => {
  const asks = () => chunk('needs-approval', { awaiting: { archiving: 60, of: 100 } });

  it('shows what it would do, goes on with a yes that the API sends, and notes by whom', async () => {
    script.chunks.push(asks, () => chunk('done'));
    const handle = await start();
    await reaches(handle, 'awaiting-approval');
    expect(JSON.stringify(await handle.query('__temporal_workflow_metadata'))).toContain('archive 60 of 100 records');
    await handle.signal(APPROVE_SIGNAL, { by: 'somebody' });
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'somebody' }]);
    expect(script.chunksRun).toBe(2);
  });

  it('goes on with the bare signal that the Web UI sends', async () => {
    script.chunks.push(asks, () => chunk('done'));
    const handle = await start();
    await reaches(handle, 'awaiting-approval');
    await handle.signal(APPROVE_SIGNAL);
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'temporal-ui' }]);
  });

  it('hears a yes that is sent before its workflow knows that it waits: the API shows it first', async () => {
    script.chunks.push(async () => {
      await client.workflow.getHandle(Context.current().info.workflowExecution!.workflowId).signal(APPROVE_SIGNAL, { by: 'somebody quick' });
      return asks();
    }, () => chunk('done'));
    await (await start()).result();
    expect(script.approvals).toMatchObject([{ by: 'somebody quick' }]);
  });

  it('takes a yes to an earlier question for none', async () => {
    script.chunks.push(asks, asks, () => chunk('done'));
    const handle = await start();
    await reaches(handle, 'awaiting-approval');
    await handle.signal(APPROVE_SIGNAL, { by: 'first' });
    await until(() => script.approvals.length === 1 && script.chunksRun === 2, { limitMs: 20_000, what: 'the second chunk has run' });
    await reaches(handle, 'awaiting-approval');
    await handle.signal(APPROVE_SIGNAL, { by: 'second' });
    await handle.result();
    expect(script.approvals).toMatchObject([{ by: 'first' }, { by: 'second' }]);
  });

  it('remembers the yes when it continues as new right after it', async () => {
    script.padded = true;
    script.chunks.push(() => chunk('more', PADDING), () => chunk('needs-approval', { ...PADDING, awaiting: { archiving: 60, of: 100 } }), () => chunk('done'));
    const handle = await start();
    await reaches(handle, 'awaiting-approval');
    await handle.signal(APPROVE_SIGNAL, { by: 'somebody' });
    await handle.result();
    expect((await client.workflow.getHandle(`sync/${input.syncId}`).describe()).runId, 'the run has continued as new').not.toBe(handle.firstExecutionRunId);
    expect(script).toMatchObject({ approvals: [{ by: 'somebody' }], begun: 1, chunksRun: 3, ends: [{ end: 'done' }] });
  });

  it('ends cancelled when it is cancelled instead, without a yes', async () => {
    script.chunks.push(asks);
    const handle = await start();
    await reaches(handle, 'awaiting-approval');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(script).toMatchObject({ approvals: [], chunksRun: 1, ends: [{ end: 'cancelled' }] });
    expect((await handle.describe()).status.name).toBe('CANCELLED');
  });
});

describe('a run that is cancelled after many chunks', () => {
  it('asks none to stop while it waits', async () => {
    script.chunks.push(() => chunk('more'), () => chunk('more'), () => { throw failure(FAILURE.needsReauth); });
    const handle = await start();
    await parkedTimes(1);
    await reaches(handle, 'waiting');
    await handle.cancel();
    await expect(handle.result()).rejects.toThrow();
    expect(script.ends).toMatchObject([{ end: 'cancelled' }]);
    const { events } = await handle.fetchHistory();
    const steps = (events ?? []).flatMap(({ activityTaskScheduledEventAttributes: activity }) => (activity ? [activity.activityType?.name] : []));
    expect(steps).toEqual(['beginSync', 'syncChunk', 'syncChunk', 'syncChunk', 'parkSync', 'finishSync']);
  });

  it('asks only the one at work to stop', async () => {
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => { release = resolve; });
    script.chunks.push(() => chunk('more'), () => chunk('more'), async () => { await released; return chunk('stopped'); });
    const handle = await start();
    await until(() => script.chunksRun === 3, { limitMs: 20_000, what: 'the third chunk is at work' });
    await handle.cancel();
    await until(() => script.stops > 0, { limitMs: 20_000, what: 'it was asked to stop' });
    release();
    await expect(handle.result()).rejects.toThrow();
    expect(script).toMatchObject({ stops: 1, ends: [{ end: 'cancelled' }] });
  });
});
