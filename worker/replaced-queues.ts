import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import { REPLACED_QUEUES } from '../contracts/temporal.ts';

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/task_queue.proto (read 2026-11-21). */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK's packages export this enum as a type, and none of its values
const ACTIVITY_QUEUE = 2 as temporal.api.enums.v1.TaskQueueType;

/**
 * Longest life of an activity scheduled on a replaced queue: the `scheduleToCloseTimeout` of a chunk, plus some minutes
 * for a worker of the earlier version that is still shutting down.
 */
export const DRAINING_MS = 6.25 * 3_600_000;

/**
 * Finds the earlier version's queues that may still hold work of open runs: those with a backlog, or with a poller in
 * the five minutes that Temporal remembers. The pollers count because an activity that waits for its next attempt is in
 * no backlog.
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
