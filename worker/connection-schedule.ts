import { CONNECTION_SWEEP_SCHEDULE_ID, SWEEP_CONNECTIONS } from '../contracts/inbox.ts';
import { WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import { keepSchedule } from './kept-schedule.ts';
import type { KeptScheduleOptions } from './kept-schedule.ts';

const SWEEP_EVERY_MS = 300_000;

/** Keeps the Schedule that looks after all connections. */
export function keepConnectionSweepSchedule(options: KeptScheduleOptions): Promise<void> {
  return keepSchedule(
    CONNECTION_SWEEP_SCHEDULE_ID,
    {
      spec: { intervals: [{ every: SWEEP_EVERY_MS }] },
      // Ticks missed while Temporal was away are skipped: the next sweep finds the same connections.
      policies: { overlap: 'SKIP', catchupWindow: SWEEP_EVERY_MS },
      action: {
        type: 'startWorkflow',
        workflowType: SWEEP_CONNECTIONS,
        // Temporal appends the time to this id.
        workflowId: CONNECTION_SWEEP_SCHEDULE_ID,
        taskQueue: WORKFLOW_QUEUE,
        args: [],
        staticSummary:
          'Connections: fetch events that never arrived, read held deletions, tell of stale syncs, settle work without a workflow',
      },
    },
    options,
  );
}
