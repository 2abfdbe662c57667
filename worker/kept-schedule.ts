import { setTimeout as delay } from 'node:timers/promises';
import { ScheduleAlreadyRunning } from '@temporalio/client';
import type { ScheduleClient, ScheduleOptions } from '@temporalio/client';
import type { Logger } from '../telemetry/logger.ts';

/** What a Schedule does and when. */
export type ScheduleDefinition = Pick<ScheduleOptions, 'spec' | 'policies'> & {
  readonly action: ScheduleOptions['action'] & { readonly type: 'startWorkflow' };
};

export interface KeptScheduleOptions {
  readonly schedule: Pick<ScheduleClient, 'create' | 'getHandle'>;
  readonly log: Logger;
  readonly stopped: AbortSignal;
  /** Pause after a failed attempt. */
  readonly retryEveryMs?: number;
}

const RETRY_EVERY_MS = 30_000;

/**
 * Creates the Schedule, or updates an existing one to this definition; a paused Schedule stays paused. Safe to repeat
 * and to run in several processes at once. Retries until it succeeds or `stopped` is aborted. Never rejects.
 */
export async function keepSchedule(
  scheduleId: string,
  definition: ScheduleDefinition,
  { schedule, log, stopped, retryEveryMs = RETRY_EVERY_MS }: KeptScheduleOptions,
): Promise<void> {
  while (!stopped.aborted) {
    try {
      await createOrUpdate(scheduleId, definition, schedule);
      return;
    } catch (error) {
      log.warn(
        { schedule: scheduleId, cause: error instanceof Error ? error.name : 'unknown' },
        'a schedule of the service could not be made: it is tried again',
      );
    }
    // The delay rejects when `stopped` is aborted; the loop checks that itself.
    await delay(retryEveryMs, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function createOrUpdate(
  scheduleId: string,
  definition: ScheduleDefinition,
  schedule: KeptScheduleOptions['schedule'],
): Promise<void> {
  try {
    await schedule.create({ ...definition, scheduleId });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await schedule.getHandle(scheduleId).update(({ state }) => ({ ...definition, state }));
  }
}
