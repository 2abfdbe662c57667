import { proxyActivities } from '@temporalio/workflow';
import type { ConnectionSweepActivities, SweepConnectionsResult } from '../contracts/inbox.ts';
import { INTERNAL_QUEUE } from '../contracts/temporal.ts';

const { startComparisons } = proxyActivities<ConnectionSweepActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '1 minute',
  // The Schedule's next run tries again.
  retry: { initialInterval: '1 second', maximumAttempts: 4 },
});

/** What the Schedule `connection-sweep` starts: has the events of connections compared that are due for it. */
export async function sweepConnections(): Promise<SweepConnectionsResult> {
  return startComparisons.executeWithOptions({ summary: 'Start what is due' }, []);
}
