import { proxyActivities } from '@temporalio/workflow';
import type { InboxActivities, SweepInboxResult } from '../../contracts/inbox.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';

const { wakeOverduePartitions } = proxyActivities<Pick<InboxActivities, 'wakeOverduePartitions'>>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  // The Schedule's next run tries again.
  retry: { initialInterval: '1 second', maximumAttempts: 4 },
});

/**
 * What the Schedule `inbox-sweep` starts: wakes the drainers of partitions whose events wait for too long, because
 * their wake-up was lost with a killed API or an unreachable Temporal, and of those with events that connections missed.
 */
export async function sweepInbox(): Promise<SweepInboxResult> {
  return wakeOverduePartitions.executeWithOptions({ summary: 'Wake the drainers of overdue events' }, []);
}
