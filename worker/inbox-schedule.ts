import { INBOX_SWEEP_SCHEDULE_ID, SWEEP_INBOX } from '../contracts/inbox.ts';
import { WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import { keepSchedule } from './kept-schedule.ts';
import type { KeptScheduleOptions } from './kept-schedule.ts';

const SWEEP_EVERY_MS = 60_000;

/** Keeps the Schedule that finds events whose drainer was not woken. */
export function keepInboxSweepSchedule(options: KeptScheduleOptions): Promise<void> {
  return keepSchedule(
    INBOX_SWEEP_SCHEDULE_ID,
    {
      spec: { intervals: [{ every: SWEEP_EVERY_MS }] },
      // Ticks missed while Temporal was away are skipped: the next sweep finds the same events.
      policies: { overlap: 'SKIP', catchupWindow: SWEEP_EVERY_MS },
      action: {
        type: 'startWorkflow',
        workflowType: SWEEP_INBOX,
        // Temporal appends the time to this id.
        workflowId: INBOX_SWEEP_SCHEDULE_ID,
        taskQueue: WORKFLOW_QUEUE,
        args: [],
        staticSummary: 'Webhooks: wake the drainers of overdue events',
      },
    },
    options,
  );
}
