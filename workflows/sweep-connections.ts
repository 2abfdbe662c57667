import { patched, proxyActivities } from '@temporalio/workflow';
import type { ConnectionSweepActivities, SweepConnectionsResult } from '../contracts/inbox.ts';
import { INTERNAL_QUEUE } from '../contracts/temporal.ts';

const { startComparisons, startHeldDeletions, announceStaleSyncs, settleSilentWork } =
  proxyActivities<ConnectionSweepActivities>({
    taskQueue: INTERNAL_QUEUE,
    startToCloseTimeout: '1 minute',
    // The Schedule's next run tries again.
    retry: { initialInterval: '1 second', maximumAttempts: 4 },
  });

/**
 * What the Schedule `connection-sweep` starts: has the events of connections compared that are due for it, reads
 * resources of which events would have deleted many records, tells subscribers of syncs that are stale, and settles
 * work that has lost its workflow.
 */
export async function sweepConnections(): Promise<SweepConnectionsResult> {
  const { started: compared } = await startComparisons.executeWithOptions({ summary: 'Compare events' }, []);
  const { started: runs } = await startHeldDeletions.executeWithOptions({ summary: 'Read held deletions' }, []);
  if (!patched('tells-of-stale-syncs')) return { compared, runs };
  const { told: stale } = await announceStaleSyncs.executeWithOptions({ summary: 'Tell of stale syncs' }, []);
  if (!patched('settles-silent-work')) return { compared, runs, stale };
  const { settled } = await settleSilentWork.executeWithOptions({ summary: 'Settle work without a workflow' }, []);
  return { compared, runs, stale, settled };
}
