import { hostname } from 'node:os';
import type { Client } from '@temporalio/client';
import type { temporal } from '@temporalio/proto';
import type { ProviderId } from '../../contracts/providers.ts';
import { providerQueue } from '../../contracts/temporal.ts';

/** `TASK_QUEUE_TYPE_ACTIVITY` of Temporal's API: https://github.com/temporalio/api/blob/master/temporal/api/enums/v1/task_queue.proto (read 2026-11-21). */
// eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment -- the SDK's packages export this enum as a type, and none of its values
export const ACTIVITY_QUEUE = 2 as temporal.api.enums.v1.TaskQueueType;

export interface ProviderRate {
  readonly provider: ProviderId;
  /**
   * Maximum chunks of syncs that may begin per second in each of the provider's queues; 0 pauses all, null removes the
   * limit.
   */
  readonly perSecond: number | null;
  /** Stored by Temporal beside the rate. */
  readonly reason: string;
}

/**
 * Limits how fast chunks of a provider's syncs may begin, across all venues, for operators. A running chunk finishes,
 * which takes a few minutes at most. Temporal keeps the rate until it is changed, even across restarts.
 */
export async function setProviderRate(
  { workflowService, options }: Client,
  { provider, perSecond, reason }: ProviderRate,
): Promise<void> {
  const rateLimit = perSecond === null ? null : { requestsPerSecond: perSecond };
  for (const work of ['incremental', 'bulk'] as const) {
    await workflowService.updateTaskQueueConfig({
      namespace: options.namespace,
      taskQueue: providerQueue(provider, work),
      taskQueueType: ACTIVITY_QUEUE,
      identity: `interlock@${hostname()}`,
      updateQueueRateLimit: { rateLimit, reason },
    });
  }
}
