import { Worker } from '@temporalio/worker';
import type { NativeConnection, WorkerOptions } from '@temporalio/worker';
import { createActivateConnectionActivities } from '../activities/connections/activate-connection.ts';
import { createAuthorizingActivities } from '../activities/connections/authorize-connection.ts';
import { createConnectionUpkeepActivities } from '../activities/connections/connection-upkeep.ts';
import { createDisconnectingActivities, createRevokingActivities } from '../activities/connections/disconnect.ts';
import { createVenueClosingActivities } from '../activities/venues/close-venue.ts';
import { createReconcileChunkActivities } from '../activities/reconciliation/reconcile-chunk.ts';
import { createReconciliationControlActivities } from '../activities/reconciliation/reconciliation-control.ts';
import { createRepairActivities } from '../activities/reconciliation/repair.ts';
import { createDeadLetterActivities } from '../activities/dead-letters/retry-dead-letters.ts';
import { createEventFeedActivities } from '../activities/inbox/compare-events.ts';
import { createConnectionSweepActivities } from '../activities/inbox/sweep-connections.ts';
import { createSilentWorkActivities } from '../activities/inbox/silent-work.ts';
import { createInboxActivities } from '../activities/inbox/drain-inbox.ts';
import { createDeliveringActivities } from '../activities/outgoing/deliver-webhooks.ts';
import { createRetentionActivities } from '../activities/retention/remove-expired.ts';
import { createKeyRotationActivities } from '../activities/vault/key-rotation.ts';
import { createRefreshingActivities } from '../activities/connections/refresh-grant.ts';
import { createTestingActivities } from '../activities/connections/test-credentials.ts';
import { createProbeGrantActivities } from '../activities/connections/probe-grant.ts';
import { createReprojectionActivities } from '../activities/mappings/reprojection.ts';
import {
  createWebhookRegistrationActivities,
  createWebhookRegistrationNotes,
} from '../activities/connections/webhook-registration.ts';
import { createReportActivities } from '../activities/reports/fetch-report.ts';
import { createMappingTrialActivities } from '../activities/mappings/try-mapping.ts';
import { createSchedulingActivities } from '../activities/sync/schedules.ts';
import { BulkThrottle } from '../activities/sync/bulk-throttle.ts';
import { createBulkChunkActivities, createSyncChunkActivities } from '../activities/sync/sync-chunk.ts';
import { createSyncControlActivities } from '../activities/sync/sync-control.ts';
import type { SyncControlDeps } from '../activities/sync/sync-control.ts';
import {
  INTERNAL_QUEUE,
  LANES,
  OUTGOING_QUEUE,
  REPLACED_QUEUES,
  WORKFLOW_QUEUE,
  laneQueue,
} from '../contracts/temporal.ts';
import type { Lane } from '../contracts/temporal.ts';
import type { SyncChunkActivities } from '../contracts/sync.ts';
import { ProviderShares, laneFor } from '../domain/lanes/provider-shares.ts';
import { VenueShares } from '../domain/limits/venue-shares.ts';
import { watchPool } from '../telemetry/metrics.ts';
import { watchLane } from '../telemetry/provider-metrics.ts';
import type { WorkerDeps } from './deps.ts';
import { withinShare } from './lane-slots.ts';
import { withinVenueShare } from './venue-slots.ts';
import { buildWorkflowBundle } from './workflow-bundle.ts';

export interface WorkersOptions {
  readonly connection: NativeConnection;
  readonly namespace: string;
  readonly deps: WorkerDeps;
  /** Those of `REPLACED_QUEUES` that still hold work. */
  readonly drainedQueues?: readonly string[];
}

/** Activity slots of a lane in one process when a single provider uses it. Activities mostly wait for the provider. */
const SLOTS_OF_ONE_PROVIDER: Readonly<Record<Lane, number>> = { interactive: 12, incremental: 20, bulk: 30 };

/**
 * A cached workflow takes about 60 KB, and every connection has one that mostly sleeps: with the SDK's default, ten
 * thousand of them filled 800 MB (`bench idle`). An evicted workflow is rebuilt from its history in a few milliseconds
 * when it wakes.
 */
const MAX_CACHED_WORKFLOWS = 500;

/** Creates one Temporal worker per task queue, all in this process, however many providers there are. */
export async function createWorkers({
  connection,
  namespace,
  deps,
  drainedQueues = [],
}: WorkersOptions): Promise<readonly Worker[]> {
  const common: Pick<
    WorkerOptions,
    | 'connection'
    | 'namespace'
    | 'shutdownGraceTime'
    | 'shutdownForceTime'
    | 'stickyQueueScheduleToStartTimeout'
    | 'maxHeartbeatThrottleInterval'
  > = {
    connection,
    namespace,
    // A chunk stops within seconds of being told to; whatever hangs longer restarts elsewhere from its last committed
    // page.
    shutdownGraceTime: '1 second',
    shutdownForceTime: '20 seconds',
    // A workflow's next task is offered first to the process that ran the last one. After this time any process takes
    // it, in case the first is gone.
    stickyQueueScheduleToStartTimeout: '2 seconds',
    // The heartbeat timeout of an activity alone decides how often it heartbeats; by default a minute is the longest.
    maxHeartbeatThrottleInterval: '5 minutes',
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
    // This queue has no activities: eager dispatch would run provider calls outside their lane.
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
    Worker.create({
      ...common,
      taskQueue: OUTGOING_QUEUE,
      activities: createDeliveringActivities(deps),
      ...outgoing(),
    }),
    ...LANES.map((lane) => createLaneWorker(laneQueue(lane), lane)),
    ...drainedQueues.map((queue) => createLaneWorker(queue, REPLACED_QUEUES[queue] ?? 'bulk')),
  ]);
}

/** Receivers that are called at the same time by one process, and of those, one venue's: slow ones hold up no others. */
const RECEIVERS_AT_ONCE = 100;
const RECEIVERS_OF_A_VENUE = 5;

/** The slots for calls to venues' receivers. */
function outgoing() {
  const shares = new VenueShares({ total: RECEIVERS_AT_ONCE, perVenue: RECEIVERS_OF_A_VENUE });
  watchPool('webhook-receivers', shares);
  return {
    maxConcurrentActivityTaskExecutions: RECEIVERS_AT_ONCE,
    interceptors: { activity: [withinVenueShare(shares)] },
  };
}

/** The slots that all workers of one lane share, including one that still serves a replaced queue. */
function createLane(lane: Lane, { brakes, providers }: Pick<WorkerDeps, 'brakes' | 'providers'>) {
  const size = laneFor(SLOTS_OF_ONE_PROVIDER[lane], providers.ids.length);
  const shares = new ProviderShares(size);
  watchLane(lane, providers.ids, shares);
  return {
    maxConcurrentActivityTaskExecutions: size.slots,
    interceptors: { activity: [withinShare({ lane, shares, brakes })] },
  };
}

const laneActivities = (deps: WorkerDeps, bulkThrottle: BulkThrottle) => ({
  interactive: {
    ...createAuthorizingActivities(deps),
    ...createRefreshingActivities(deps),
    ...createRevokingActivities(deps),
    ...createTestingActivities(deps),
    ...createMappingTrialActivities(deps),
    ...createProbeGrantActivities(deps),
    ...createReportActivities(deps),
    ...createRepairActivities(deps),
    ...createWebhookRegistrationActivities(deps),
  },
  incremental: { ...incrementalActivities(deps, bulkThrottle), ...createEventFeedActivities(deps) },
  bulk: {
    ...createBulkChunkActivities({ ...deps, pulls: deps.bulkPulls }, bulkThrottle),
    ...createReconcileChunkActivities(deps),
  },
});

/** Notes the start of each incremental chunk, so that bulk chunks give way for a moment. */
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
  ...createReprojectionActivities(deps),
  ...createKeyRotationActivities(deps),
  ...createInboxActivities(deps),
  ...createConnectionSweepActivities(deps),
  ...createSilentWorkActivities(deps),
  ...createDeadLetterActivities(deps),
  ...createRetentionActivities(deps),
  ...createConnectionUpkeepActivities(deps),
  ...createActivateConnectionActivities(deps),
  ...createDisconnectingActivities(deps),
  ...createVenueClosingActivities(deps),
  ...createReconciliationControlActivities(deps),
  ...createWebhookRegistrationNotes(deps),
});
