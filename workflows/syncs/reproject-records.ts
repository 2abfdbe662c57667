import { defineSignal, proxyActivities, setHandler } from '@temporalio/workflow';
import { MAPPING_CHANGED_SIGNAL } from '../../contracts/mappings.ts';
import type { ReprojectInput, ReprojectionActivities } from '../../contracts/mappings.ts';
import type { SyncKey } from '../../contracts/sync.ts';
import { INTERNAL_QUEUE } from '../../contracts/temporal.ts';
import { syncPriority } from '../../domain/sync/sync-labels.ts';
import { ownPass } from './own-pass.ts';

const { planReprojection, noteReprojected } = proxyActivities<ReprojectionActivities>({
  taskQueue: INTERNAL_QUEUE,
  startToCloseTimeout: '30 seconds',
  retry: { initialInterval: '500 milliseconds', maximumInterval: '30 seconds' },
});

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
  return ownPass(
    { venueId, connectionId, provider, resource, direction, providerName, fullEveryMs: 0 },
    {
      workflowId: `reproject/${connectionId}/${resource}/${direction}`,
      staticSummary: `${providerName}: ${resource} by the changed mapping, ${direction}`,
      priority: syncPriority({ venueId, mode: 'full' }),
    },
  );
}
