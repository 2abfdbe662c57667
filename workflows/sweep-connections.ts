import { patched, proxyActivities } from '@temporalio/workflow';
import type { ConnectionSweepActivities, SweepConnectionsResult } from '../contracts/inbox.ts';
import { INTERNAL_QUEUE } from '../contracts/temporal.ts';

const { startComparisons, startHeldDeletions, announceStaleSyncs } = proxyActivities<ConnectionSweepActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '1 minute',
  // The Schedule's next run tries again.
  retry: { initialInterval: '1 second', maximumAttempts: 4 },
});

/**
 * What the Schedule `connection-sweep` starts: has the events of connections compared that are due for it, reads
 * resources of which events would have deleted many records, and tells subscribers of syncs that are stale.
 */
export async function sweepConnections(): Promise<SweepConnectionsResult> {
  const { started: compared } = await startComparisons.executeWithOptions({ summary: 'Compare events' }, []);
  const { started: runs } = await startHeldDeletions.executeWithOptions({ summary: 'Read held deletions' }, []);
  if (!patched('tells-of-stale-syncs')) return { compared, runs };
  const { told: stale } = await announceStaleSyncs.executeWithOptions({ summary: 'Tell of stale syncs' }, []);
  return { compared, runs, stale };
}
