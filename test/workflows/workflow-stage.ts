import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { Context, getClient } from '@temporalio/activity';
import { Client, Connection } from '@temporalio/client';
import type { WorkflowHandle } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import { DefaultLogger, NativeConnection, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { BundleOptions } from '@temporalio/worker';
import type { ConnectionId, SyncId, VenueId } from '../../contracts/ids.ts';
import { syncWorkflowId } from '../../contracts/sync.ts';
import type { SyncMode } from '../../contracts/providers.ts';
import type {
  FinishSyncInput,
  NoteApprovalInput,
  ParkSyncInput,
  SyncChunkResult,
  SyncConnectionInput,
  SyncProgress,
} from '../../contracts/sync.ts';
import { INTERNAL_QUEUE, WORKFLOW_QUEUE, laneQueue } from '../../contracts/temporal.ts';
import { createSyncGateway } from '../../api/temporal/sync-gateway.ts';
import type { SyncRun } from '../../db/runs/sync-run-store.ts';
import { until } from '../support/eventually.ts';
import { activitiesIn } from '../support/history.ts';
import type { History } from '../support/history.ts';
import { createTestNamespace } from '../support/services/temporal.ts';
import { buildWorkflowBundle } from '../../worker/workflow-bundle.ts';
import { installTemporalRuntime } from '../support/services/temporal-runtime.ts';

const WORKFLOWS = fileURLToPath(new URL('../../workflows/index.ts', import.meta.url));
const SCALED_WAIT_POLICY = fileURLToPath(new URL('scaled-wait-policy.ts', import.meta.url));
const LIMIT_MS = 20_000;

/** Bundles the workflows with `scaled-wait-policy.ts`, so that tests need not sit out real waits. */
const withFastClock: NonNullable<BundleOptions['webpackConfigHook']> = (config) => ({
  ...config,
  plugins: [
    ...(config.plugins ?? []),
    {
      apply(compiler) {
        compiler.hooks.normalModuleFactory.tap('fast-clock', (factory) => {
          factory.hooks.beforeResolve.tap('fast-clock', (module) => {
            if (
              module.request.endsWith('/domain/sync/waiting/wait-policy.ts') &&
              module.contextInfo.issuer !== SCALED_WAIT_POLICY
            )
              module.request = SCALED_WAIT_POLICY;
          });
        });
      },
    },
  ],
});

const NOTHING: SyncProgress = {
  done: 0,
  total: 100,
  counts: { read: 0, created: 0, updated: 0, unchanged: 0, archived: 0, rejected: 0, conflicts: 0 },
  providerCalls: 0,
};

/** A chunk's result. */
export const chunk = (status: SyncChunkResult['status'], more: object = {}): SyncChunkResult => ({
  ...NOTHING,
  status,
  ...more,
});
/** Throws the failure of a chunk that has tried long enough. */
export const failing = (type: string, details?: { readonly retryAfterMs: number }) => (): never => {
  throw ApplicationFailure.nonRetryable('as the provider said', type, ...(details ? [details] : []));
};
/** Pads a chunk's result: after three, the history exceeds 4 MiB and the server suggests to continue as new. */
export const PADDING = { padding: 'x'.repeat(1_500_000) };

/** What a run's chunks return one after the other, with the last repeated, and what its activities were asked. */
export interface Script {
  chunks: (() => Promise<SyncChunkResult> | SyncChunkResult)[];
  /** Whether waits and approvals leave large events in the history. */
  padded: boolean;
  readonly parked: ParkSyncInput[];
  readonly approvals: NoteApprovalInput[];
  readonly ends: FinishSyncInput[];
  begun: number;
  stops: number;
  chunksRun: number;
}

export interface PlayedRun {
  readonly script: Script;
  readonly handle: WorkflowHandle;
  readonly parkedTimes: (times: number) => Promise<unknown>;
  readonly shows: (phase: string) => Promise<unknown>;
  /** Activity types of the run's first workflow execution, in order. */
  readonly steps: () => Promise<readonly string[]>;
  /** Duration of each wait of the workflow in ms, in order. */
  readonly waits: () => Promise<readonly number[]>;
  readonly hasContinuedAsNew: () => Promise<boolean>;
}

/**
 * Runs `syncConnection` alone on a real server. The test scripts what its activities return, even what takes a provider
 * days to cause.
 */
export interface WorkflowStage {
  readonly client: Client;
  play(...chunks: Script['chunks']): Promise<PlayedRun>;
  /** Starts a run as the API does, with chunks that return the scripted results. */
  playFor(
    order: { readonly venueId: VenueId; readonly mode: SyncMode },
    ...chunks: Script['chunks']
  ): Promise<PlayedRun>;
  close(): Promise<void>;
}

let fastClockBundle: ReturnType<typeof bundleWorkflowCode> | undefined;
/** Bundles once for all test files of this process. */
function bundleWithFastClock(): ReturnType<typeof bundleWorkflowCode> {
  fastClockBundle ??= bundleWorkflowCode({
    workflowsPath: WORKFLOWS,
    logger: new DefaultLogger('WARN'),
    webpackConfigHook: withFastClock,
  });
  return fastClockBundle;
}

/** With `fastClock`, a minute of waiting takes a millisecond. `chunkSlots` chunks run at once in each lane. */
export async function createWorkflowStage({ fastClock = false, chunkSlots = 20 } = {}): Promise<WorkflowStage> {
  const bundle = fastClock ? bundleWithFastClock() : buildWorkflowBundle();
  const [{ address, namespace }, workflowBundle] = await Promise.all([createTestNamespace(), bundle]);
  installTemporalRuntime();
  const connection = await NativeConnection.connect({ address });
  const scripts = new Map<string, Script>();
  const { control, chunks } = activitiesOf(scripts);
  const common = { connection, namespace };
  const workers = await Promise.all([
    Worker.create({ ...common, taskQueue: WORKFLOW_QUEUE, workflowBundle }),
    Worker.create({ ...common, taskQueue: INTERNAL_QUEUE, activities: control }),
    ...(['incremental', 'bulk'] as const).map((work) =>
      Worker.create({
        ...common,
        taskQueue: laneQueue(work),
        activities: chunks,
        maxConcurrentActivityTaskExecutions: chunkSlots,
      }),
    ),
  ]);
  const running = Promise.all(workers.map((worker) => worker.run()));
  const clientConnection = await Connection.connect({ address });
  const client = new Client({ connection: clientConnection, namespace });
  const gateway = createSyncGateway({ client, connection: clientConnection, namespace, providerName: () => 'Stripe' });
  const playFor: WorkflowStage['playFor'] = async ({ venueId, mode }, ...answers) => {
    const script: Script = {
      chunks: answers,
      padded: false,
      parked: [],
      approvals: [],
      ends: [],
      begun: 0,
      stops: 0,
      chunksRun: 0,
    };
    const run = aRun(venueId, mode);
    scripts.set(run.id, script);
    return playedRun(client, script, { workflowId: run.workflowId, firstRunId: await gateway.start(run) });
  };
  return {
    client,
    playFor,
    play: (...answers) => playFor({ venueId: randomUUID() as VenueId, mode: 'full' }, ...answers),
    async close() {
      for (const worker of workers) worker.shutdown();
      await running;
      await Promise.all([connection.close(), client.connection.close()]);
    },
  };
}

/** The input that the API would pass. */
function aRun(venueId: VenueId, mode: SyncMode): SyncRun {
  const key = {
    venueId,
    connectionId: randomUUID() as ConnectionId,
    provider: 'stripe',
    resource: 'customers',
    direction: 'pull',
  } as const;
  return {
    ...key,
    id: randomUUID() as SyncId,
    workflowId: syncWorkflowId(key),
    mode,
    dryRun: false,
    window: null,
    planId: null,
  } as SyncRun;
}

function activitiesOf(scripts: ReadonlyMap<string, Script>) {
  const scriptOf = ({ syncId }: SyncConnectionInput): Script => {
    const script = scripts.get(syncId);
    if (!script) throw ApplicationFailure.nonRetryable('no test has this run');
    return script;
  };
  const noted =
    <Input extends SyncConnectionInput, Answer>(answer: (script: Script, input: Input) => Answer) =>
    (input: Input) =>
      Promise.resolve(answer(scriptOf(input), input));
  const padding = ({ padded }: Script) => (padded ? PADDING : undefined);
  return {
    control: {
      beginSync: noted((script) => {
        script.begun += 1;
        return { ...NOTHING, resumed: false };
      }),
      requestStop: noted((script) => {
        script.stops += 1;
      }),
      parkSync: noted((script, input: ParkSyncInput) => {
        script.parked.push(input);
        return padding(script);
      }),
      noteApproval: noted((script, input: NoteApprovalInput) => {
        script.approvals.push(input);
        return padding(script);
      }),
      finishSync: noted((script, input: FinishSyncInput) => {
        script.ends.push(input);
        return { ...NOTHING, outcome: input.end === 'done' ? 'completed' : input.end };
      }),
    },
    chunks: {
      syncChunk(input: SyncConnectionInput) {
        const script = scriptOf(input);
        script.chunksRun += 1;
        const next = script.chunks.length > 1 ? script.chunks.shift() : script.chunks[0];
        if (!next) throw ApplicationFailure.nonRetryable('the test expects no chunk');
        return next();
      },
    },
  };
}

function playedRun(
  client: Client,
  script: Script,
  { workflowId, firstRunId }: { readonly workflowId: string; readonly firstRunId: string },
): PlayedRun {
  // Not bound to the first execution, because the workflow may continue as new.
  const handle = client.workflow.getHandle(workflowId);
  const runs = async () => [...new Set([firstRunId, (await handle.describe()).runId])];
  const eventsOf = (runId: string) => readHistory(client, { workflowId, runId });
  return {
    script,
    handle,
    parkedTimes: (times) =>
      until(() => script.parked.length >= times, { limitMs: LIMIT_MS, what: `the run has been parked ${times} times` }),
    shows: (phase) =>
      until(async () => (await phaseOf(handle)) === phase, {
        limitMs: LIMIT_MS,
        what: `the workflow shows ${phase}`,
        everyMs: 50,
      }),
    steps: async () => activitiesIn(await eventsOf(firstRunId)),
    waits: async () => {
      const events = (await Promise.all((await runs()).map(eventsOf))).flat();
      return events.flatMap(({ timerStartedEventAttributes: timer }) =>
        timer
          ? [
              Number(timer.startToFireTimeout?.seconds ?? 0) * 1_000 +
                (timer.startToFireTimeout?.nanos ?? 0) / 1_000_000,
            ]
          : [],
      );
    },
    hasContinuedAsNew: async () => (await runs()).length > 1,
  };
}

/** Reads page by page: a padded history in one response exceeds what a client accepts. */
async function readHistory(
  { workflowService, options: { namespace } }: Client,
  execution: { readonly workflowId: string; readonly runId: string },
) {
  const events: HistoryEvents = [];
  let nextPageToken: Uint8Array | null = null;
  do {
    const page: Page = await workflowService.getWorkflowExecutionHistory({
      namespace,
      execution,
      maximumPageSize: 5,
      nextPageToken,
    });
    events.push(...(page.history?.events ?? []));
    nextPageToken = page.nextPageToken.length > 0 ? page.nextPageToken : null;
  } while (nextPageToken !== null);
  return events;
}

type Page = Awaited<ReturnType<Client['workflowService']['getWorkflowExecutionHistory']>>;
type HistoryEvents = NonNullable<History['events']>;

const phaseOf = async (handle: WorkflowHandle) =>
  (await handle.describe()).typedSearchAttributes.getAll().find(({ key }) => key.name === 'Phase')?.value;

/** Called from within a chunk: sends a signal to the chunk's run, which receives it before the chunk returns. */
export function signalOwnRun(name: string, ...args: unknown[]): Promise<void> {
  return getClient()
    .workflow.getHandle(Context.current().info.workflowExecution?.workflowId ?? '')
    .signal(name, ...args);
}
