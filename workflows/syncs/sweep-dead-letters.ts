import { proxyActivities } from '@temporalio/workflow';
import type { DeadLetterActivities, SweepDeadLettersResult } from '../../contracts/dead-letters.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';

const activities = proxyActivities<Pick<DeadLetterActivities, 'sweepDeadLetters'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '1 minute',
  // The Schedule's next run tries again.
  retry: { initialInterval: '1 second', maximumAttempts: 4 },
});

/**
 * What the Schedule `dead-letter-sweep` starts: retries entries whose cause has cleared, and starts the retries of
 * venues whose start was lost with a killed API or an unreachable Temporal.
 */
export async function sweepDeadLetters(): Promise<SweepDeadLettersResult> {
  return activities.sweepDeadLetters.executeWithOptions({ summary: 'Retry what may succeed now' }, []);
}
