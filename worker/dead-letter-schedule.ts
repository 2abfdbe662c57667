import { DEAD_LETTER_SWEEP_SCHEDULE_ID, SWEEP_DEAD_LETTERS } from '../contracts/dead-letters.ts';
import { WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import { keepSchedule } from './kept-schedule.ts';
import type { KeptScheduleOptions } from './kept-schedule.ts';

const SWEEP_EVERY_MS = 300_000;

/** Keeps the Schedule that retries dead letters whose cause has cleared. */
export function keepDeadLetterSweepSchedule(options: KeptScheduleOptions): Promise<void> {
  return keepSchedule(
    DEAD_LETTER_SWEEP_SCHEDULE_ID,
    {
      spec: { intervals: [{ every: SWEEP_EVERY_MS }] },
      // Ticks missed while Temporal was away are skipped: the next sweep finds the same entries.
      policies: { overlap: 'SKIP', catchupWindow: SWEEP_EVERY_MS },
      action: {
        type: 'startWorkflow',
        workflowType: SWEEP_DEAD_LETTERS,
        // Temporal appends the time to this id.
        workflowId: DEAD_LETTER_SWEEP_SCHEDULE_ID,
        taskQueue: WORKFLOW_QUEUE,
        args: [],
        staticSummary: 'Dead letters: retry those whose cause has cleared',
      },
    },
    options,
  );
}
