import { defineSignal, executeChild, proxyActivities, setHandler, sleep } from '@temporalio/workflow';
import { MAPPING_CHANGED_SIGNAL } from '../../contracts/mappings.ts';
import type { ReprojectInput, ReprojectionActivities } from '../../contracts/mappings.ts';
import { SCHEDULED_SYNC } from '../../contracts/sync.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { syncPriority } from '../../domain/sync/sync-labels.ts';
import type { scheduledSync } from './scheduled-sync.ts';

const { planReprojection, noteReprojected } = proxyActivities<ReprojectionActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

/** Pauses before another attempt while a run of the same sync is open, which may itself wait for days. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Passes through all records in every direction that is in use, after a change of their field mapping. It waits for runs
 * that are open, and begins again when the mapping changes meanwhile.
 */
export async function reprojectRecords(input: ReprojectInput): Promise<{ readonly version: number }> {
  let newest = input.version;
  setHandler(defineSignal<[{ readonly version: number }]>(MAPPING_CHANGED_SIGNAL), ({ version }) => {
    newest = Math.max(newest, version);
  });
  for (;;) {
    const version = newest;
    const { directions } = await planReprojection({ ...input, version });
    let isComplete = true;
    for (const direction of directions) isComplete = (await passThrough(input, direction)) && isComplete;
    if (isComplete) await noteReprojected({ ...input, version });
    if (version === newest) return { version };
  }
}

/** Returns false when the pass did not complete: the schedule's next run is then a full pass. */
async function passThrough(input: ReprojectInput, direction: SyncKey['direction']): Promise<boolean> {
  const { venueId, connectionId, provider, resource, providerName } = input;
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    const { skipped, outcome } = await executeChild<typeof scheduledSync>(SCHEDULED_SYNC, {
      workflowId: `reproject/${connectionId}/${resource}/${direction}`,
      workflowIdReusePolicy: 'ALLOW_DUPLICATE',
      args: [{ venueId, connectionId, provider, resource, direction, providerName, fullEveryMs: 0 }],
      staticSummary: `${providerName}: ${resource} by the changed mapping, ${direction}`,
      priority: syncPriority({ venueId, mode: 'full' }),
    });
    if (skipped !== 'already-running') return outcome === 'completed' || outcome === 'completed-with-rejections';
    await sleep(pauseMs);
  }
}
