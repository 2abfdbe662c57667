import { setTimeout as delay } from 'node:timers/promises';
import { ActivityNotFoundError } from '@temporalio/client';
import type { AsyncCompletionClient } from '@temporalio/client';
import { ApplicationFailure } from '@temporalio/common';
import type { AbandonedTask, WorkerPresence } from '../db/runs/worker-presence.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface LostWorkersOptions {
  readonly presence: WorkerPresence;
  readonly activities: Pick<AsyncCompletionClient, 'fail'>;
  readonly log: Logger;
  readonly stopped: AbortSignal;
}

const LOOK_EVERY_MS = 1_500;

/**
 * Until it is stopped, fails the activity attempts of worker processes that are gone, so that Temporal gives them to
 * another process at once instead of after missed heartbeats. A process counts as lost only when two checks in a row
 * miss it, because after a restart of Postgres every process has to take its lock again. A false alarm costs one
 * attempt: the task token belongs to that attempt alone, and the run's fence keeps out a process that still works on
 * it.
 */
export async function watchForLostWorkers(options: LostWorkersOptions): Promise<void> {
  const { presence, log, stopped } = options;
  let suspected: ReadonlySet<string> = new Set();
  while (!stopped.aborted) {
    try {
      const found = await presence.look();
      for (const task of found.filter(({ leaseId }) => suspected.has(leaseId))) await handOn(task, options);
      suspected = new Set(found.map(({ leaseId }) => leaseId));
    } catch (error) {
      log.warn({ cause: error instanceof Error ? error.name : 'unknown' }, 'could not look for lost workers');
    }
    // The delay rejects when `stopped` is aborted; the loop checks that itself.
    await delay(LOOK_EVERY_MS, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function handOn(
  { leaseId, taskToken }: AbandonedTask,
  { presence, activities, log }: LostWorkersOptions,
): Promise<void> {
  try {
    await activities.fail(
      Buffer.from(taskToken, 'base64'),
      ApplicationFailure.create({ type: 'Interrupted', message: 'the worker is gone', nextRetryDelay: 100 }),
    );
    log.warn({}, 'a worker is gone: its work goes on elsewhere');
  } catch (error) {
    // The attempt is over already: its heartbeats were missed, or another process was faster.
    if (!(error instanceof ActivityNotFoundError)) throw error;
  }
  await presence.release(leaseId);
}
