import { ActivityFailure, isCancellation, proxyActivities } from '@temporalio/workflow';
import type { MappingTrial, MappingTrialActivities, MappingVersionRef } from '../../contracts/mappings.ts';
import { PRIORITY, laneQueue } from '../../contracts/temporal.ts';

/**
 * Tries a version of a field mapping on one record. A workflow, because only a worker can open the connection's
 * credentials. A caller waits for the answer, so that nothing is tried twice.
 */
export async function tryMapping(input: MappingVersionRef): Promise<MappingTrial> {
  const { tryMappingVersion } = proxyActivities<MappingTrialActivities>({
    taskQueue: laneQueue('interactive'),
    scheduleToCloseTimeout: '15 seconds',
    priority: { priorityKey: PRIORITY.interactive, fairnessKey: input.venueId },
    retry: { maximumAttempts: 1 },
    summary: 'Try the mapping on one record',
  });
  try {
    return await tryMappingVersion(input);
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    return { outcome: 'not-tried', reason: 'interrupted', recordId: null, code: null, httpStatus: null, problems: [] };
  }
}
