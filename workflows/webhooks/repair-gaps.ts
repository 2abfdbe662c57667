import { proxyActivities } from '@temporalio/workflow';
import type { EventFeedActivities, RepairGapsInput, RepairGapsResult } from '../../contracts/inbox.ts';
import { laneQueue } from '../../contracts/temporal.ts';

const { compareEvents } = proxyActivities<EventFeedActivities>({
  taskQueue: laneQueue('incremental'),
  startToCloseTimeout: '10 minutes',
  heartbeatTimeout: '20 seconds',
  // Enough for an outage of some minutes. After a longer one the sweep starts this again, from the last page.
  retry: { initialInterval: '2 seconds', maximumInterval: '1 minute', maximumAttempts: 10 },
});

/** Fetches events of one connection that its provider lists and that have never arrived. */
export async function repairGaps(input: RepairGapsInput): Promise<RepairGapsResult> {
  let missed = 0;
  for (;;) {
    const chunk = await compareEvents.executeWithOptions({ summary: 'Compare with the provider’s list' }, [input]);
    missed += chunk.missed;
    if (!chunk.more) return { missed };
  }
}
