import { setTimeout as delay } from 'node:timers/promises';
import { ScheduleAlreadyRunning } from '@temporalio/client';
import type { ScheduleClient, ScheduleOptions } from '@temporalio/client';
import type { RetentionConfig } from '../config/config.ts';
import { REMOVE_EXPIRED_ROWS, RETENTION_SCHEDULE_ID, RETENTION_TABLES } from '../contracts/retention.ts';
import type { RemoveExpiredRowsInput, RetentionRule, RetentionTable } from '../contracts/retention.ts';
import { WORKFLOW_QUEUE } from '../contracts/temporal.ts';
import type { Logger } from '../telemetry/logger.ts';

export interface RetentionScheduleOptions {
  readonly schedule: Pick<ScheduleClient, 'create' | 'getHandle'>;
  readonly retention: RetentionConfig;
  readonly log: Logger;
  readonly stopped: AbortSignal;
  /** Pause after a failed attempt. */
  readonly retryEveryMs?: number;
}

const RETRY_EVERY_MS = 30_000;
/** Spreads the load when several installations share a Temporal or a Postgres. */
const JITTER_SHARE = 0.1;

/**
 * Creates the Schedule that removes expired rows, or updates an existing one to this configuration; a paused Schedule
 * stays paused. Safe to repeat and to run in several processes at once. Retries until it succeeds or `stopped` is
 * aborted. Never rejects.
 */
export async function keepRetentionSchedule(options: RetentionScheduleOptions): Promise<void> {
  const { log, stopped, retryEveryMs = RETRY_EVERY_MS } = options;
  while (!stopped.aborted) {
    try {
      await createOrUpdate(options);
      return;
    } catch (error) {
      log.warn(
        { cause: error instanceof Error ? error.name : 'unknown' },
        'the schedule that removes expired rows could not be made: it is tried again',
      );
    }
    // The delay rejects when `stopped` is aborted; the loop checks that itself.
    await delay(retryEveryMs, undefined, { signal: stopped }).catch(() => undefined);
  }
}

async function createOrUpdate({ schedule, retention }: RetentionScheduleOptions): Promise<void> {
  const definition = definitionOf(retention);
  try {
    await schedule.create({ ...definition, scheduleId: RETENTION_SCHEDULE_ID });
  } catch (error) {
    if (!(error instanceof ScheduleAlreadyRunning)) throw error;
    await schedule.getHandle(RETENTION_SCHEDULE_ID).update(({ state }) => ({ ...definition, state }));
  }
}

function definitionOf(retention: RetentionConfig): Pick<ScheduleOptions, 'spec' | 'policies'> & {
  readonly action: ScheduleOptions['action'] & { readonly type: 'startWorkflow' };
} {
  const everyMs = retention.everyMinutes * 60_000;
  const input: RemoveExpiredRowsInput = { rules: rulesOf(retention) };
  return {
    spec: { intervals: [{ every: everyMs }], jitter: everyMs * JITTER_SHARE },
    // Ticks missed while Temporal was away are skipped: the next run removes the same rows.
    policies: { overlap: 'SKIP', catchupWindow: 60_000 },
    action: {
      type: 'startWorkflow',
      workflowType: REMOVE_EXPIRED_ROWS,
      // Temporal appends the time to this id.
      workflowId: RETENTION_SCHEDULE_ID,
      taskQueue: WORKFLOW_QUEUE,
      args: [input],
      staticSummary: 'Remove expired rows',
    },
  };
}

/** The retention rules of this configuration, in the order in which rows are removed. */
export function rulesOf(retention: RetentionConfig): readonly RetentionRule[] {
  const { auditDays, runDays, syncLogDays, planDays, webhookDeliveryDays } = retention;
  const keptDays: Partial<Record<RetentionTable, number>> = {
    webhook_deliveries: webhookDeliveryDays,
    sync_logs: syncLogDays,
    sync_plan_items: planDays,
    sync_runs: runDays,
    merge_conflicts: runDays,
    admin_jobs: runDays,
    reconciliations: runDays,
    audit_log: auditDays,
  };
  return RETENTION_TABLES.map((table) => ({ table, keptDays: keptDays[table] ?? null }));
}
