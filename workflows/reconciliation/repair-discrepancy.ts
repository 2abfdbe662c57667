import { ActivityFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { RepairActivities, RepairDiscrepancyInput, RepairResult } from '../../contracts/reconciliation.ts';
import { PRIORITY, laneQueue } from '../../contracts/temporal.ts';

/**
 * Repairs one discrepancy. A workflow, because only a worker can open the connection's credentials. A caller waits for
 * the answer.
 */
export async function repairDiscrepancy(input: RepairDiscrepancyInput): Promise<RepairResult> {
  const { repairOne } = proxyActivities<RepairActivities>({
    taskQueue: laneQueue('interactive'),
    scheduleToCloseTimeout: '20 seconds',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    retry: { initialInterval: '500 milliseconds' },
    summary: 'Ask the provider for the transaction and take over what it says',
  });
  try {
    return await repairOne(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return { outcome: 'unavailable' };
  }
}
