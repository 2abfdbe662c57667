import { WorkflowExecutionAlreadyStartedError } from '@temporalio/common';
import { CancellationScope, ChildWorkflowFailure, executeChild, sleep } from '@temporalio/workflow';
import type { ChildWorkflowOptions } from '@temporalio/workflow';
import { SCHEDULED_SYNC } from '../../contracts/sync.ts';
import type { ScheduledSyncInput } from '../../contracts/sync.ts';
import type { scheduledSync } from './scheduled-sync.ts';

/** Pauses before another attempt while a run of the same sync is open, which may itself wait for days. */
const FIRST_PAUSE_MS = 5_000;
const LONGEST_PAUSE_MS = 600_000;

/**
 * Has one run of a sync made for this workflow alone, once no other run of the sync is open. Returns false when the run
 * did not complete. A child that an operator has ended, or that a reset of this workflow has left behind, says nothing
 * about the run, which goes on without it: another child waits for that.
 */
export async function ownPass(
  input: ScheduledSyncInput,
  options: Pick<ChildWorkflowOptions, 'staticSummary' | 'priority'> & { readonly workflowId: string },
): Promise<boolean> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2)) {
    try {
      const { skipped, outcome } = await executeChild<typeof scheduledSync>(SCHEDULED_SYNC, {
        ...options,
        workflowIdReusePolicy: 'ALLOW_DUPLICATE',
        args: [input],
      });
      if (skipped !== 'already-running') return outcome === 'completed' || outcome === 'completed-with-rejections';
    } catch (error) {
      const isChilds = error instanceof ChildWorkflowFailure || error instanceof WorkflowExecutionAlreadyStartedError;
      if (!isChilds || CancellationScope.current().consideredCancelled) throw error;
    }
    await sleep(pauseMs);
  }
}
