import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { createActivateConnectionActivities } from '../activities/connections/activate-connection.ts';
import { createAuthorizingActivities } from '../activities/connections/authorize-connection.ts';
import { createConnectionUpkeepActivities } from '../activities/connections/connection-upkeep.ts';
import { createDisconnectingActivities, createRevokingActivities } from '../activities/connections/disconnect.ts';
import { createRetentionActivities } from '../activities/retention/remove-expired.ts';
import { createKeyRotationActivities } from '../activities/vault/key-rotation.ts';
import { createRefreshingActivities } from '../activities/connections/refresh-grant.ts';
import { createTestingActivities } from '../activities/connections/test-credentials.ts';
import { createProbeGrantActivities } from '../activities/connections/probe-grant.ts';
import { createSchedulingActivities } from '../activities/sync/schedules.ts';
import { BulkThrottle } from '../activities/sync/bulk-throttle.ts';
import { createBulkChunkActivities, createSyncChunkActivities } from '../activities/sync/sync-chunk.ts';
import { createSyncControlActivities } from '../activities/sync/sync-control.ts';
import type { SyncControlDeps } from '../activities/sync/sync-control.ts';
import { INTERNAL_QUEUE, LANES, REPLACED_QUEUES, WORKFLOW_QUEUE, laneQueue } from '../contracts/temporal.ts';
import type { Lane } from '../contracts/temporal.ts';
import type { SyncChunkActivities } from '../contracts/sync.ts';
import { ProviderShares, laneFor } from '../domain/lanes/provider-shares.ts';
import type { WorkerDeps } from './deps.ts';
import { withinShare } from './lane-slots.ts';
import { buildWorkflowBundle } from './workflow-bundle.ts';

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly deps: WorkerDeps;
  /** Of `REPLACED_QUEUES`, those that still hold work. */
  readonly drainedQueues?: readonly string[];
}

/** Activities at once in one process of a provider that works alone: calls that a person waits for, and chunks. Each mostly waits for its provider. */
const SLOTS_OF_ONE_PROVIDER: Readonly<Record<Lane, number>> = { interactive: 12, incremental: 20, bulk: 30 };

/**
 * Each takes some 60 KB, and every connection has one that mostly sleeps: left to the SDK, ten thousand of them filled 800 MB (`bench idle`).
 * One that is not kept is made again from its history, a few milliseconds' work, when it wakes.
 */
const MAX_CACHED_WORKFLOWS = 500;

/** One Temporal worker per task queue, all in this process, however many providers there are. */
export async function createWorkers({
  connection,
  namespace,
  deps,
  drainedQueues = [],
}: WorkersOptions): Promise<readonly Worker[]> {
  const common: Pick<
    WorkerOptions,
    'connection' | 'namespace' | 'shutdownGraceTime' | 'shutdownForceTime' | 'stickyQueueScheduleToStartTimeout'
  > = {
    connection,
    namespace,
    // A chunk stops within seconds of being told; whatever hangs longer is started again elsewhere from its last committed page.
    shutdownGraceTime: '1 second',
    shutdownForceTime: '20 seconds',
    // A workflow's next step is offered first to the process that ran the last one: if that is gone, to everybody after this long.
    stickyQueueScheduleToStartTimeout: '2 seconds',
  };
  const workflowBundle = await buildWorkflowBundle();
  const bulkThrottle = new BulkThrottle();
  const activities = laneActivities(deps, bulkThrottle);
  const lanes = Object.fromEntries(LANES.map((lane) => [lane, createLane(lane, deps)])) as Readonly<
    Record<Lane, ReturnType<typeof createLane>>
  >;
  const createLaneWorker = (taskQueue: string, lane: Lane) =>
    Worker.create({ ...common, taskQueue, activities: { ...activities[lane] }, ...lanes[lane] });
  return Promise.all([
    // No activities on this queue: eager dispatch would carry provider calls past their own queue.
    Worker.create({
      ...common,
      taskQueue: WORKFLOW_QUEUE,
      workflowBundle,
      maxCachedWorkflows: MAX_CACHED_WORKFLOWS,
    }),
    Worker.create({
      ...common,
      taskQueue: INTERNAL_QUEUE,
      activities: internalActivities({ ...deps, bulkThrottle }),
      maxConcurrentActivityTaskExecutions: 40,
    }),
    ...LANES.map((lane) => createLaneWorker(laneQueue(lane), lane)),
    ...drainedQueues.map((queue) => createLaneWorker(queue, REPLACED_QUEUES[queue] ?? 'bulk')),
  ]);
}

/** What all workers of one lane have in common: also one that still serves a replaced queue draws on the lane's slots. */
function createLane(lane: Lane, { brakes, providers }: Pick<WorkerDeps, 'brakes' | 'providers'>) {
  const size = laneFor(SLOTS_OF_ONE_PROVIDER[lane], providers.ids.length);
  return {
    maxConcurrentActivityTaskExecutions: size.slots,
    interceptors: { activity: [withinShare({ lane, shares: new ProviderShares(size), brakes })] },
  };
}

const laneActivities = (deps: WorkerDeps, bulkThrottle: BulkThrottle) => ({
  interactive: {
    ...createAuthorizingActivities(deps),
    ...createRefreshingActivities(deps),
    ...createRevokingActivities(deps),
    ...createTestingActivities(deps),
    ...createProbeGrantActivities(deps),
  },
  incremental: incrementalActivities(deps, bulkThrottle),
  bulk: createBulkChunkActivities(deps, bulkThrottle),
});

/** A chunk of theirs begins: those in bulk step back for a moment. */
function incrementalActivities(deps: WorkerDeps, bulkThrottle: BulkThrottle): SyncChunkActivities {
  const { syncChunk } = createSyncChunkActivities(deps);
  return {
    syncChunk(input) {
      bulkThrottle.giveWay();
      return syncChunk(input);
    },
  };
}

const internalActivities = (deps: WorkerDeps & Pick<SyncControlDeps, 'bulkThrottle'>) => ({
  ...createSyncControlActivities(deps),
  ...createSchedulingActivities(deps),
  ...createKeyRotationActivities(deps),
  ...createRetentionActivities(deps),
  ...createConnectionUpkeepActivities(deps),
  ...createActivateConnectionActivities(deps),
  ...createDisconnectingActivities(deps),
});
