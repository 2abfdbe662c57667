import type { temporal } from '@temporalio/proto';

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/task_queue.proto (read 2026-11-21). */
// oxlint-disable-next-line typescript/no-unsafe-enum-assignment -- the SDK's packages export this enum as a type, and none of its values
export const ACTIVITY_QUEUE = 2 as temporal.api.enums.v1.TaskQueueType;
