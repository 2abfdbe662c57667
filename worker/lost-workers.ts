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
 * Until it is stopped: fails the activity attempts of worker processes that are gone, so that Temporal gives them to another process at
 * once instead of when their heartbeats have been missing for long enough. Only what two looks in a row find: after a restart of Postgres
 * everybody has to show itself again. A false alarm costs an attempt and no more: the token is of that attempt alone, and the fence of
 * the run keeps out whoever still works on it.
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
    // Rejects when it is cut short, which the loop sees by itself.
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
