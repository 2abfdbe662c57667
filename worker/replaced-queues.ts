import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { REPLACED_QUEUES } from '../contracts/temporal.ts';

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/task_queue.proto (read 2026-11-21). */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the SDK's packages export this enum as a type, and none of its values
const ACTIVITY_QUEUE = 2 as temporal.api.enums.v1.TaskQueueType;

/**
 * Longest that an activity scheduled on a replaced queue can live: the `scheduleToCloseTimeout` of a chunk, and some minutes for a worker of
 * the earlier version that is still going down.
 */
export const DRAINING_MS = 6.25 * 3_600_000;

/**
 * The queues of the version before that may still hold work of runs in progress: something waits there, or somebody has polled within the
 * five minutes that Temporal remembers (an activity between two attempts waits nowhere).
 */
export async function findQueuesToDrain({ workflowService, options: { namespace } }: Client): Promise<string[]> {
  const found = await Promise.all(
    Object.keys(REPLACED_QUEUES).map(async (name) => {
      const { pollers, stats } = await workflowService.describeTaskQueue({
        namespace,
        taskQueue: { name },
        taskQueueType: ACTIVITY_QUEUE,
        reportStats: true,
      });
      return pollers.length > 0 || Number(stats?.approximateBacklogCount ?? 0) > 0 ? [name] : [];
    }),
  );
  return found.flat();
}
